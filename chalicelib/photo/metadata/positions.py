"""Decide which positions make sense, whichever metadata they come from."""

from typing import Final

from chalicelib.domain import MAX_UNCERTAINTY_METRES, Coordinates

DECIMALS: Final = 7
"""Decimals of a degree: one centimetre. The rest is a remainder of the division by 60."""


class InvalidPosition(ValueError):
    """A position that makes no sense. The message is the reason that the client gets."""


def checked_coordinates(
    latitude: float, longitude: float, uncertainty: float | None
) -> Coordinates:
    """Return coordinates, with the uncertainty in metres if that makes sense.

    Raises ``InvalidPosition`` for the coordinates of a removed position.
    """
    if latitude == 0 and longitude == 0:
        # Phones and photo pickers write this when they have removed the position.
        raise InvalidPosition("its GPS position is (0, 0), which means that there is none")
    if uncertainty is not None and not 0 < uncertainty <= MAX_UNCERTAINTY_METRES:
        uncertainty = None
    return Coordinates(latitude, longitude, uncertainty)


def decimal_degrees(degrees: float, minutes: float, seconds: float, limit: int) -> float | None:
    """Return decimal degrees without a sign; ``None`` if a part is out of range.

    60 minutes and 60 seconds carry over: programs that round write them.
    """
    value = degrees + minutes / 60 + seconds / 3600
    is_in_range = min(degrees, minutes, seconds) >= 0 and minutes <= 60 and seconds <= 60
    return round(value, DECIMALS) if is_in_range and value <= limit else None
