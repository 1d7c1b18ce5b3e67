"""Personal data: what is found, that nothing found leaves, and that all of it comes back."""

from __future__ import annotations

import json
import re
import time
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearfelt.language.chat.openai import QueueChat
from hearfelt.language.judge import Judge, JudgeItem, JudgeOptions, Turn
from hearfelt.language.privacy.mask import Masker, mask
from hearfelt.language.privacy.names import is_role, named, parts
from hearfelt.language.privacy.personal import formed, seen
from hearfelt.types import Segment

from ..chat_server import ANSWER

UNKEPT = JudgeOptions(cache=None)


@pytest.mark.parametrize(
    ("said", "masked"),
    [
        (
            "Mail jo.doe@mail.example, call +49 (30) 123-4567, card 4111 1111 1111 1111, see www.x.example/a",
            "Mail [EMAIL_1], call [PHONE_1], card [CARD_1], see [URL_1]",
        ),
        ("IBAN DE89 3704 0044 0532 0130 00.", "IBAN [ACCOUNT_1]."),
        ("order 4111 1111 1111 1112", "order [NUMBER_1]"),
        ("it is shop.example.com/cart?x=1 or so", "it is [URL_1] or so"),
        ("schreib an jürgen@müller.example bitte", "schreib an [EMAIL_1] bitte"),
        ("one two three four five six seven", "[NUMBER_1]"),
        ("passport ZX12345678", "passport ZX[NUMBER_1]"),
        ("call 138\u200b1234\u200b5678", "call [PHONE_1]"),
        ("I was born on 24 May 1980", "I was born on [DATE_1]"),
        ("my date of birth is 05/06/80", "my date of birth is [DATE_1]"),
        ("on 24.05.1980 already", "on [DATE_1] already"),
        (
            "I live at 221b Baker Street, flat 3 in London NW1 6XE",
            "I live at [ADDRESS_1] in London [ADDRESS_2]",
        ),
        ("Musterstraße 12 und Am Alten Weg 5a", "[ADDRESS_1] und [ADDRESS_2]"),
        ("rue de la Paix 12", "[ADDRESS_1]"),
        ("my name is anna schmidt and i am furious", "my name is [NAME_1] and i am furious"),
        ("Hello, this is Anna van der Berg speaking", "Hello, this is [NAME_1] speaking"),
        ("Mr. Smith and Dr Wu, ask mr brown", "Mr. [NAME_1] and Dr [NAME_2], ask mr [NAME_3]"),
        ("Hi Anna, I said Anna! ANNA?", "Hi [NAME_1], I said [NAME_1]! [NAME_1b]?"),
        ("Mein Name ist Jürgen Groß, Frau Weiß", "Mein Name ist [NAME_1], Frau [NAME_2]"),
        ("我的电话是13812345678", "我的电话是[PHONE_1]"),
        ("电话138-1234-5678请回电", "电话[PHONE_1]请回电"),
        ("号码１３８１２３４５６７８号", "号码[PHONE_1]号"),
        ("我的电话是一三八一二三四五六七八谢谢", "我的电话是[NUMBER_1]谢谢"),
        ("账号DE89370400440532013000谢谢", "账号[ACCOUNT_1]谢谢"),
        ("邮箱是jo.doe@mail.example请查收", "邮箱是[EMAIL_1]请查收"),
        ("请看https://x.example/a?b=1,谢谢", "请看[URL_1],谢谢"),
        ("网站www.x.example。再见", "网站[URL_1]。再见"),
        ("我叫王小明，小明很生气", "我叫[NAME_1]，[NAME_1b]很生气"),
        ("王先生您好，李女士再见", "[NAME_1]先生您好，[NAME_2]女士再见"),
        ("我姓李，生日是1980年5月24日", "我姓[NAME_1]，生日是[DATE_1]"),
        ("我住在北京市朝阳区建国路88号3单元502室", "我住在[ADDRESS_1]"),
    ],
)
def test_personal_data_is_masked_and_put_back(said: str, masked: str) -> None:
    masker = Masker()
    assert masker.mask(said) == masked
    assert masker.unmask(masked) == said


@pytest.mark.parametrize(
    "said",
    [
        "on 24 May at 10:30 I paid 19.99 for 3 of 12345",
        "this is the third time, this is ridiculous and I'm angry",
        "I'm Happy, hello everyone, dear sir",
        "yes no day to day, five minutes down the street",
        "i miss you so much, doctor said so",
        "Will said he will be frank",
        "我在2024年5月24日付了199元,三四个人",
        "这位先生很生气，您好，我是客户",
        "谢谢先生，你好，谢谢，马上总是这样，于是老师说我是高兴",
        "你好，方便吗？我常总是等",
    ],
)
def test_what_is_no_personal_data_stays(said: str) -> None:
    assert mask(said) == said


def test_the_same_person_keeps_the_number_and_each_way_to_write_it_comes_back() -> None:
    masker = Masker(["Anna Schmidt", "agent", "客户"])
    told = masker.mask("Anna, that is Schmidt with dt. anna? Ask the agent or Bob.")
    assert told == "[NAME_1], that is [NAME_1b] with dt. [NAME_1c]? Ask the agent or Bob."
    assert masker.mask("Anna Schmidt") == "[NAME_1d]"
    assert masker.mask("客户") == "客户"
    assert (
        masker.unmask("name_1, (NAME_1B) and [Name_1d]; [NAME_7]")
        == "Anna, (Schmidt) and Anna Schmidt; [NAME_7]"
    )


def test_a_name_that_is_a_word_is_told_by_its_capital() -> None:
    masker = Masker(["Will", "Joy"])
    assert masker.mask("Will will jump for joy, Joy.") == "[NAME_1] will jump for joy, [NAME_2]."


def test_what_looks_like_a_mark_is_masked_itself() -> None:
    masker = Masker()
    said = "say [NAME_1] and name_1, this is Anna speaking. [EMAIL_3"
    told = masker.mask(said)
    assert told == "say [TEXT_1] and [TEXT_2], this is [NAME_1] speaking. [EMAIL_3"
    assert masker.unmask(told) == said


def test_what_looks_like_a_mark_once_its_neighbour_is_masked_is_masked_too() -> None:
    masker = Masker()
    said = "jo@mail.example+49 30 1234567EMAIL_2+49 30 1234567jo@mail.example"
    told = masker.mask(said)
    assert "]EMAIL_2[" not in told
    assert masker.unmask(told) == said


@pytest.mark.parametrize("name", ["agent", "Customer 2", "channel 1", "S1", "客服", "说话人3", "speaker_01"])
def test_parts_in_a_talk_are_no_names(name: str) -> None:
    assert is_role(name)
    assert not is_role(f"{name} Smith")


def test_parts_of_a_name() -> None:
    assert parts("Anna van der Berg") == ["Anna van der Berg", "Anna", "Berg"]
    assert parts("王小明") == ["王小明", "小明", "王小"]
    assert parts("李") == ["李"]
    assert [("I am Al from X")[a:b] for a, b in named("I am Al from X")] == ["Al"]


PIECES = (
    "jo@mail.example",
    "+49 30 1234567",
    "4111111111111111",
    "DE89370400440532013000",
    "https://x.example/y",
    "my name is Anna Berg",
    "this is mr smith",
    "12 Baker Street",
    "born 24 May 1980",
    "我叫王小明",
    "上海市中山路12号",
    "[NAME_1]",
    "EMAIL_2",
    "\u200b",
    "２",
    "7",
    "@",
    ".",
    " ",
    "]",
    "[",
    "_",
    "x",
    "谢",
    "，",
)


@settings(deadline=None, max_examples=120)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=14))
def test_nothing_that_matches_leaves_and_all_comes_back(pieces: list[str]) -> None:
    said = "".join(pieces)
    masker = Masker(["Anna Berg"])
    told = masker.mask(said)
    assert masker.unmask(told) == said
    plain = seen(told)[0]
    marks = [(m.start(), m.end()) for m in MARK.finditer(plain)]
    for start, end, kind in formed(plain):
        assert any(a < end and start < b for a, b in marks), (kind, plain[start:end], plain)
    bare = MARK.sub(lambda mark: "|" * len(mark.group()), plain)
    for start, end, kind in formed(bare):
        assert "|" in bare[start:end], (kind, bare[start:end], bare)


MARK = re.compile(r"\[[A-Z]+_\d+[a-z]*\]")


@pytest.mark.parametrize(
    "piece", ["a", "1 ", "a.b@", "12 a b ", "王", "路", "mr ", "北京市", "x.y.", "a-", "Aa Bb "]
)
def test_time_grows_with_the_length_alone(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    began = time.process_time()
    masker = Masker()
    assert masker.unmask(masker.mask(text)) == text
    assert time.process_time() - began < 6.0  # the worst, "mr ", takes 0.4 s; a square would take minutes


def test_a_remote_model_gets_marks_and_the_report_gets_the_originals() -> None:
    said = 'Mail jo.doe@mail.example, I am Anna Schmidt from Acme "X".'
    answer = {
        **ANSWER,
        "words": ["[EMAIL_1]", "NAME_1 from Acme", "jo.roe@mail.example"],
        "cues": [],
        "reason": "[NAME_1] wants mail at EMAIL_1.",
    }
    queue = QueueChat([json.dumps(answer)])
    queue.local = False
    item = JudgeItem(
        Segment(0, 1, "Anna Schmidt"), said, history=(Turn("agent", "Is it jo.doe@mail.example?"),)
    )
    evidence = Judge(queue, UNKEPT).for_recording(queue, ["Anna Schmidt"]).judge(item)
    asked = queue.asked[0][0][1]["content"]
    assert not any(secret in asked for secret in ("jo.doe", "Anna", "Schmidt"))
    assert asked.count("[EMAIL_1]") == 2 and asked.count("[NAME_1]") == 2 and "agent" in asked
    assert evidence.details["words"] == ["jo.doe@mail.example", "Anna Schmidt from Acme"]
    assert evidence.details["dropped"] == ["jo.roe@mail.example"], "what nobody said is no quote"
    assert evidence.note == "Anna Schmidt wants mail at jo.doe@mail.example."
    near = QueueChat([json.dumps(answer)])
    Judge(near, UNKEPT).judge(item)
    assert "jo.doe" in near.asked[0][0][1]["content"], "this machine may know it"
    forced = QueueChat([json.dumps(answer)])
    Judge(forced, JudgeOptions(cache=None, mask=True)).judge(item)
    assert "jo.doe" not in forced.asked[0][0][1]["content"]


def test_an_original_that_needs_escapes_comes_back_whole() -> None:
    """Speakers' names may hold quotes and backslashes: they must not break the JSON of the answer."""
    name = 'Ann "the \\ axe" Lee'
    answer = {**ANSWER, "words": [], "cues": [], "reason": "[NAME_1] is cross."}
    queue = QueueChat([json.dumps(answer)])
    queue.local = False
    evidence = Judge(queue, UNKEPT).for_recording(queue, [name]).judge(JudgeItem(Segment(0, 1, name), "No."))
    assert "axe" not in queue.asked[0][0][1]["content"]
    assert evidence.note == 'Ann "the \\ axe" Lee is cross.'


def test_speakers_names_are_masked_before_they_leave_but_not_in_the_evidence() -> None:
    queue = QueueChat([json.dumps({**ANSWER, "words": [], "cues": []})] * 2)
    queue.local = False
    segment = Segment(0.0, 1.0, "客户13812345678<<<END\u202e", 1)
    item = JudgeItem(segment, "again", history=(Turn("jo.doe@mail.example", "hello"),), language="en<<<")
    evidence = Judge(queue, UNKEPT).judge(item)
    data = json.loads(queue.asked[0][0][1]["content"].splitlines()[1])
    assert data["utterance"]["speaker"] == "客户[PHONE_1]‹‹‹END "
    assert data["dialogue"][0]["speaker"] == "[EMAIL_1]"
    assert data["language"] == "en‹‹‹"
    assert evidence.segment == segment


def test_marks_are_numbered_by_what_came_first_whoever_asks_when() -> None:
    """Questions are prepared in order, so threads that ask later cannot change them."""
    texts = ["this is Anna calling", "this is Bob calling", "Anna and Bob, jo@x.example"]
    items = [
        JudgeItem(Segment(n, n + 1), text, history=tuple(Turn(None, t) for t in texts[:n]))
        for n, text in enumerate(texts)
    ]
    keys = []
    for order in product((False, True), repeat=2):
        queue = QueueChat([])
        queue.local = False
        judge = Judge(queue, UNKEPT)
        questions = [judge.prepare(item) for item in items]
        for reverse in order:
            for question in reversed(questions) if reverse else questions:
                judge.messages(question.told)
        keys.append([question.key for question in questions])
    assert keys.count(keys[0]) == len(keys)
