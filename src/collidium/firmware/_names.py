"""Names that can be names in Verilog."""

from __future__ import annotations

import re

from collidium.artifact import InputError

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = """always and assign automatic begin buf bufif0 bufif1 case casex casez cell cmos config deassign default
    defparam design disable edge else end endcase endconfig endfunction endgenerate endmodule endprimitive endspecify
    endtable
    endtask event for force forever fork function generate genvar highz0 highz1 if ifnone incdir include initial inout
    input instance integer join large liblist library localparam macromodule medium module nand negedge nmos nor
    noshowcancelled not notif0 notif1 or output parameter pmos posedge primitive pull0 pull1 pulldown pullup
    pulsestyle_ondetect pulsestyle_onevent rcmos real realtime reg release repeat rnmos rpmos rtran rtranif0 rtranif1
    scalared showcancelled signed small specify specparam strong0 strong1 supply0 supply1 table task time tran tranif0
    tranif1 tri tri0 tri1 triand trior trireg unsigned use uwire vectored wait wand weak0 weak1 while wire wor xnor
    xor"""
_KEYWORDS = frozenset(_RESERVED.split())


def check_identifier(kind: str, name: str) -> None:
    """Refuse a name that Verilog would not take.

    Parameters
    ----------
    kind : str
        What is named, for the message.
    name : str
        Letters, digits and underscores, not starting with a digit, no keyword.

    Raises
    ------
    InputError
        If it is anything else.

    Examples
    --------
    >>> check_identifier("layer", "3d")
    Traceback (most recent call last):
        ...
    collidium.artifact._errors.InputError: layer '3d': is no Verilog identifier (letters, digits, _; no keyword)
    """
    if not _IDENTIFIER.fullmatch(name) or name in _KEYWORDS:
        raise InputError(f"{kind} {name!r}: is no Verilog identifier (letters, digits, _; no keyword)")
