"""The web page and its JSON API: records in the browser or takes a file, and shows at once what the model hears and where.

app.py answers and gives out the front end, voicecam/web; uploads.py takes bytes in, decoding.py reads sound files in a process of
its own, analysis.py explains, listening.py explains speech models. This file imports nothing, so that the decoding process starts
without torch.
"""
