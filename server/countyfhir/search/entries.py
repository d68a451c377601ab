"""Index entries: what a resource is found by, one plain tuple per value (DESIGN decision 6).

An entry is ``(kind, parameter, part, *values)``; ``part`` numbers the element inside a composite (0 elsewhere). The
values:

====================  =================================================================================================
kind                  values
====================  =================================================================================================
``TOKEN``             system ("" when none), code
``STRING``            normalised (NFKC, case, width and accents folded), original
``REFERENCE``         target type, target id (a local literal), or "" and the absolute url
``DATE``              low, high: ``[low, high)`` in microseconds since 1970 UTC, ``-FOREVER`` and ``FOREVER`` when open
``NUMBER``            decimal key (bytes that sort as the numbers do)
``QUANTITY``          unit key ("" any unit; "system|code"; "|unit text"; "=canonical UCUM"), decimal key
``URI``               the uri or canonical, without its ``|version``; a second entry carries it with the version
``FULL_TEXT``         words of the narrative, words of the rest (one entry, ``_content``; see ``full_text``)
``RELATION``          who may see whose record; the parameter is the name of the rule (see ``relations``)
====================  =================================================================================================

What a modifier needs is stored under a parameter name of its own: ``code:text`` (STRING, displays and texts),
``identifier:of-type`` (TOKEN, system = type system, code = "type code|value"), ``subject:identifier`` (TOKEN),
composite components ``code-value-quantity$1`` and ``…$2``, ``name:sort`` (STRING, how a human name sorts),
``near$latitude`` and ``near$longitude`` (NUMBER), ``_compartment`` (REFERENCE, the compartments the resource is in).

Where a reference leads otherwise than by a literal: ``subject:logical`` (TOKEN, the identifier of a Reference that has
nothing else), ``questionnaire:canonical`` (URI, the canonical as it is written), ``_canonical`` (URI, what canonicals
call this resource: its url, and ``url|version``), ``medication:contained`` (TOKEN, system "", code ``1.Medication``:
the first contained Medication).

The entries of contained resources stand under names of their own, ``#1.Medication.code``: type, its number among the
contained ones of that type, and the parameter; ``#1.Medication._id`` (TOKEN, "", its id) is always there.

An element that is there without anything to compare (a CodeableConcept with only a text, a Reference with only a
display) leaves an empty entry, ``("", "")``, of its kind, so that ``:missing`` is right. Pinyin of a human name
stands under the parameter's own name with the original "".
"""

from __future__ import annotations

TOKEN, STRING, REFERENCE, DATE, NUMBER, QUANTITY, URI, FULL_TEXT, RELATION = range(9)
KIND_NAMES = ("token", "string", "reference", "date", "number", "quantity", "uri", "full text", "relation")

Entry = tuple[object, ...]
