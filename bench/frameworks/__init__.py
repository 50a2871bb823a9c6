"""The baseline behind serving frameworks, for ``make bench``; they run in ``.venvs/bench``.

Each takes a photo in a form and returns the class, as the framework's own documentation shows it:
no place, no EXIF, no names. ``BENCH_DECODING`` is ``full``, as in those examples, or ``reduced``,
as in our service. Only ``bench.over_http`` starts these modules, as programs; nothing imports them.
"""
