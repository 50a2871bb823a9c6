"""The same model behind serving frameworks, for ``make bench``; run in ``.venvs/bench``.

Each takes a photo in a form and answers with the class, as the framework's own documentation
shows it: no place, no EXIF, no names. ``BENCH_DECODING`` says how photos are decoded: ``full``,
as those examples do, or ``reduced``, as we do.
"""
