"""What the exported files and their columns mean: the words of the codebook."""

from __future__ import annotations

FILES = {
    "votes.csv": "one row for each vote and question, in terms of the systems",
    "votes.jsonl": "every vote word for word, with the salt and digest that tie it to the ledger",
    "participants.csv": "one row for each participant",
    "items.csv": "results by item",
    "clips.csv": "the clips that were shown",
    "consent.txt": "what participants agreed to",
    "report.json": "every number",
    "table.tex, methods.txt": "the table of results and a paragraph on methods for a paper",
    "gsb, items, strengths, coverage, exclusions (.svg, gsb.png)": "figures",
    "study.yaml": "the rules of the study with every default",
    "data.json": "name, times, systems, clips and participants as `study verify` reads them",
    "ledger.jsonl": "the chain of hashes over all that happened",
    "MANIFEST.json": "hashes of the other files",
}
PARTICIPANTS = {
    "participant": "random name of the participant",
    "state": "entered, consented, listening (headphone check), voting, screened or finished",
    "locale": "language of the page",
    "consent_version": "version of the text that was agreed to",
    "consent_hash": "hash of that text, as in consent.txt",
    "votes": "votes on pairs of all kinds",
    "verdict": "pass, fail or unchecked; empty without a vote",
    "reasons": "names of the checks behind a fail or unchecked",
}
DEVICE = {
    "width": "width of the window in CSS pixels",
    "height": "height of the window in CSS pixels",
    "pixel_ratio": "device pixels for each CSS pixel",
    "touch": "whether the device has a touch screen",
    "can_play": "whether the browser says that it plays the clips' format",
}
ITEMS = {
    "first": "system of interest",
    "second": "system compared with it",
    "dimension": "the question",
    "item": "picture and sound that both systems were given",
    "good": "votes for `first`",
    "same": "votes for neither",
    "bad": "votes for `second`",
    "votes": "all three together",
    "net": "(good - bad) / votes",
}
CLIPS = {
    "system": "who made the clip",
    "item": "from which picture and sound",
    "variant": "plain, or how it was spoilt for practice and catch trials",
    "sha256": "hash of the clip as shown",
    "source_sha256": "hash of the file that was handed in",
    "sound_sha256": "hash of the driving sound; empty where the clip has the file's own",
    "licence": "of the file that was handed in",
    "bytes": "size of the clip",
    "frames": "pictures in it",
    "duration_ms": "length in milliseconds",
    "loudness": "integrated loudness in LUFS; -99 for silence",
}
RECORD = {
    "study, config, stimuli": "name of the study, hashes of its rules and of its clips",
    "participant, position, kind, item": "as in votes.csv",
    "left, right": "system and variant of the clip on each side",
    "order, choices": "the questions in the order asked; the answers as displayed",
    "expected, repeat_of": "known answers of a catch trial; position of the pair that is repeated",
    "playback": "how the page says the pair was played: drift, stalls, hidden time, dropped frames, plays, sound",
    "verdict, reasons": "how the playback and the time to answer were judged",
    "received_at, seconds_since_served, seconds_to_answer": "by the server's clock; the last from the earliest "
    "end of both clips",
}
REPORT = {
    "study": "name, state, hashes and times",
    "flow": "participants and votes from entry to analysis; median seconds from a pair to its vote",
    "primary, all_votes": "one row for each comparison and question: the primary analysis, and every vote",
    "interval, p": "of `net`: a t test clustered by participant and by item",
    "at_the_floor": "whether the interval ends where so few participants or items let it end",
    "p_adjusted": "for all tests: Holm over the primary question, then Holm over the others, which count only "
    "once the first have all succeeded",
    "bootstrap_interval, flips, sign_test, wilson, naive_interval": "descriptive: each leaves some clustering out",
    "opinions": "mean rating of each system, where a question asks for ratings",
    "items": "as items.csv",
    "side_bias, agreement": "left against right; Krippendorff's alpha and raw agreement",
    "strengths": "Davidson's model, with intervals over participants and items",
    "plan": "power as planned, and with the variation seen",
}
