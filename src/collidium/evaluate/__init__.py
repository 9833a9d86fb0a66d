"""Metrics of taggers, their intervals, predictions, and comparisons of taggers on the same jets."""

from collidium.evaluate._accuracy import accuracy, confusion_matrix
from collidium.evaluate._auc import auc, auc_one_vs_one, auc_one_vs_rest, pair_score
from collidium.evaluate._bootstrap import Interval, bootstrap, interval, rejection_interval
from collidium.evaluate._calibration import Reliability, ece, ece_floor, nll, reliability, top_statements
from collidium.evaluate._compare import Comparison, PairedFigure, compare, p_value
from collidium.evaluate._earth_mover import earth_mover_distance
from collidium.evaluate._evaluation import evaluate_predictions
from collidium.evaluate._figures import METRICS_NAME, Evaluation, PairEvaluation, RejectionFigure
from collidium.evaluate._predict import EvaluateConfig, evaluate, predict
from collidium.evaluate._predictions import PREDICTIONS_NAME, Predictions
from collidium.evaluate._ranking import Ranking, Statistic
from collidium.evaluate._rejection import Rejection, RocCurve, rejection_at, roc_curve

__all__ = [
    "METRICS_NAME",
    "PREDICTIONS_NAME",
    "Comparison",
    "EvaluateConfig",
    "Evaluation",
    "Interval",
    "PairEvaluation",
    "PairedFigure",
    "Predictions",
    "Ranking",
    "Rejection",
    "RejectionFigure",
    "Reliability",
    "RocCurve",
    "Statistic",
    "accuracy",
    "auc",
    "auc_one_vs_one",
    "auc_one_vs_rest",
    "bootstrap",
    "compare",
    "confusion_matrix",
    "earth_mover_distance",
    "ece",
    "ece_floor",
    "evaluate",
    "evaluate_predictions",
    "interval",
    "nll",
    "p_value",
    "pair_score",
    "predict",
    "rejection_at",
    "rejection_interval",
    "reliability",
    "roc_curve",
    "top_statements",
]
