"""Options of a request that a server does not take, found out from its error and left out from then
on.
"""

import re
from typing import NamedTuple

from psycopref.models.entries import ModelEntry
from psycopref.models.providers.outcomes import REFUSING, coded, error_code, error_param, message_of

_SAYS_NO = re.compile(
    r"unsupported|not supported|does ?n.t support|unrecogni[sz]ed|unknown|unexpected|extra"
    r"|not permitted|not allowed|forbidden|deprecated|only the default|use 'max_completion"
)


class Option(NamedTuple):
    """What of an entry goes into a request: the names that errors give it, the settings that leave
    it out, and how a pool entry writes that.
    """

    name: str
    said_as: tuple[str, ...]
    without: dict[str, object]
    write: str


OPTIONS = (
    Option("seed", ("seed", "random_seed"), {"seed": False}, "seed = false"),
    Option(
        "max_tokens",
        ("max_tokens",),
        {"max_tokens_field": "max_completion_tokens"},
        'max_tokens_field = "max_completion_tokens"',
    ),
    Option(
        "max_completion_tokens",
        ("max_completion_tokens",),
        {"max_tokens_field": "max_tokens"},
        'max_tokens_field = "max_tokens"',
    ),
    Option(
        "temperature", ("temperature",), {"send_temperature": False}, "send_temperature = false"
    ),
    Option(
        "response_format",
        ("response_format", "json_schema", "guided_json"),
        {"json_schema": False},
        "json_schema = false",
    ),
    Option(
        "a system message",
        ("system", "messages[0].role", "messages.0.role", "messages"),
        {"system_role": False},
        "system_role = false",
    ),
)


def refused_option(status: int, body: object, entry: ModelEntry) -> Option | None:
    """The option that a 400 or 422 speaks of, where leaving it out would change the request; None
    where it speaks of something else.

    An error that names its option (`param`, the place of a validation error) is believed where it
    says no to it, and not to its value. Of a message alone it is asked that the option stands in it
    as a word in quotes, or opens it: it may quote a client. An error whose code speaks of the
    prompt speaks of no option, whatever it names.
    """
    if status not in REFUSING or coded(body):
        return None
    param = error_param(body)
    message = message_of(body).lower()
    for option in OPTIONS:
        if all(getattr(entry, name) == value for name, value in option.without.items()):
            continue
        if option.name in ("max_tokens", "max_completion_tokens") and (
            entry.max_tokens_field != option.name
        ):
            continue
        if param:
            role = "role" in message or "system" in message
            named = param in option.said_as and (param != "messages" or role)
        else:
            named = any(
                re.search(rf"[`'\"]{re.escape(one)}[`'\"]|^{re.escape(one)}:", message)
                for one in option.said_as
            )
        if named and _SAYS_NO.search(f"{message} {error_code(body).lower()}"):
            return option
    return None
