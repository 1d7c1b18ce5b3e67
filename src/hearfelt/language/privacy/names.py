"""Where a text names a person: after "my name is", a title or a greeting, in English, Chinese and others.

Nothing here knows the names of the world: a name that nobody introduces, addresses with a title or gives as
a speaker is not found. Surnames are the commonest of the Chinese census, first of all to tell "王先生" from
"这位先生".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CAPITAL = r"[A-ZÀ-ÖØ-Þ]"
_WORD = r"[^\W\d_]+(?:['’-][^\W\d_]+)*"
_PARTICLE = r"(?:van|von|der|den|de|del|della|di|da|du|la|le|bin|al|ter|zu)"
_TITLED = rf"{_CAPITAL}[^\W\d_]*(?:['’-][^\W\d_]+)*\.?"
_NAME = rf"{_TITLED}(?: (?:{_PARTICLE} ){{0,2}}{_TITLED}){{0,3}}"

_PLAIN = """
a about after again agent all also always am an and angry any are as at back be because been before but by
call called calling can client come could customer dear did do does done down else even ever every everyone
everybody father fine folks for from friend friends fun get getting go going good got great guys had happy
has hasn't have he hello help her here hey hi him his honey how i i'd i'll i'm i've if in into is isn't it
it's its just keep know ladies later let like look love ma'am madam make manager maybe me mine mom mother
mum my never new no nobody none not nothing now of off oh ok okay on once one only or other our out over
please really ridiculous right sad sir so some somebody someone something sorry still such sure sweetheart
system thank thanks that that's the their them then there these they thing things think this those though to
today tomorrow tonight too unacceptable unbelievable under until up us very wait want was wasn't we welcome
well were what when where which who why will with won't world would wow wrong yeah yes yesterday yet you
your yours und der die das den ein eine ich du er sie es wir ihr nicht mit von für hier heute sehr ja nein
aber alle zusammen herr frau dame damen herren kollege kollegin et le la les un une je tu il elle nous vous
pas avec pour ici bien tout y el los las yo que con para aquí muy todo
"""
_STOP = frozenset(_PLAIN.split())
_BEFORE_NAME = (
    r"my name(?:['’]s| is)|the name(?:['’]s| is)|(?:his|her|their|your) name is|name of|named",
    r"mein name ist|ich hei(?:ß|ss)e|je m['’]appelle|mon nom est|me llamo|mi nombre es|mi chiamo|nazywam się",
)
_SAID = re.compile(rf"\b(?:{'|'.join(_BEFORE_NAME)})[ ,:]+((?:{_WORD} ?){{1,4}})", re.IGNORECASE)
_HERE = re.compile(
    rf"\b(?:this is|it['’]s|hier (?:ist|spricht)|ici) ((?:{_WORD} ){{1,3}}?)"
    r"(?=(?:speaking|calling|am apparat)\b)",
    re.IGNORECASE,
)
_CASED = re.compile(
    r"\b(?:[Tt]his is|[Hh]ier (?:ist|spricht)|[Cc]all me|[Ss]p(?:oke|eak|eaking) (?:to|with)|"
    r"[Tt]alk(?:ed|ing)? (?:to|with)|[Aa]sk(?:ed)? for|[Hh]i|[Hh]ello|[Hh]ey|[Dd]ear|[Hh]allo|[Bb]onjour|"
    r"[Hh]ola|[Gg]ood (?:morning|afternoon|evening)|[Tt]hanks|[Tt]hank you|I['’]m|I am),? "
    rf"(?=({_NAME}))"
)
_TITLE = re.compile(
    r"\b(?:(?:[Mm]rs?|MRS?|[Mm]s|MS|[Mm]x|Miss|[Dd]r|DR|Prof(?:essor)?|Doctor|Herrn?|Frau|Monsieur|Madame|Mme|"
    rf"Señora?|Sra?|Signora?|Pan[i]?|Mister)\.?) (?=({_NAME}))"
)
_TITLE_LOW = re.compile(rf"\b(?:mr|mrs|ms|dr|mister)\.? (?=({_WORD}))")

_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜"
    "戴夏钟汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
    "張劉陳楊趙黃吳孫馬羅鄭謝韓馮蕭鄧許呂蘇盧蔣賈葉閻鍾範譚鄒陸龍萬錢湯喬賀賴龔"
)
_DOUBLE = "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|司徒|夏侯|歐陽|司馬|諸葛|東方|尉遲|公孫"
_FAMILY = rf"(?:{_DOUBLE}|[{_SURNAMES}])"
_HAN = "\u4e00-\u9fff"
_SAID_ZH = re.compile(
    rf"(?:我叫|名字(?:是|叫)|名叫|姓名(?:是|[:：])|他叫|她叫|叫做|本人|免贵姓|我姓|贵姓)({_FAMILY}[{_HAN}]{{1,2}}|{_FAMILY}"
    rf"|[{_HAN}]{{2,3}}(?![{_HAN}])|(?:{_WORD})(?![{_HAN}]))"
)
_HERE_ZH = re.compile(rf"(?:我是|这是|这里是)({_FAMILY}[{_HAN}]{{1,2}})(?![{_HAN}])")
_TITLE_ZH = re.compile(
    rf"({_FAMILY}[{_HAN}]{{0,2}}?)(?:先生|女士|小姐|太太|老师|老師|经理|經理|医生|醫生|师傅|師傅|主任|教授|律师|总(?![是体共之算结会有得要觉]))"
)
_WORDS_ZH = """
谢谢 感谢 马上 高兴 高级 常常 常见 方便 方面 方法 方式 于是 关于 由于 任何 任务
万一 周末 周一 周二 周三 周四 周五 周六 周日 夏天 秋天 许多 曾经 何时 何况 何必
顾客 白天 黄色 金额 金钱 毛病 石头 江湖 叶子 安全 温暖 成功 孔子 史上 程序 程度
段时 段落 钱包 汤药 黎明 易怒 武器 贺卡 赖账 文字 文件 龙头 雷声 顾虑 余额 余下
姜汤 范围 熊猫 田地 汪汪 丁点 董事 萧条 沈默 苏醒
"""
_PLAIN_ZH = frozenset(_WORDS_ZH.split())

ROLE = re.compile(
    r"(?:(?:the )?(?:agent|customer|caller|callee|client|speaker|user|operator|doctor|patient|nurse|teacher|"
    r"student|pupil|interviewer|interviewee|host|guest|moderator|therapist|assistant|bot|system|channel|"
    r"person|participant|child|parent|mother|father|seller|buyer|driver|passenger|man|woman|male|female|"
    r"unknown|left|right|spk|s|a|b|c|d|客户|客戶|顾客|客服|坐席|来电者|医生|病人|患者|护士|老师|学生|主持人|"
    r"嘉宾|用户|说话人|司机|乘客|家长|孩子|男|女|未知)[ _-]*[\da-z]?\d{0,3})",
    re.IGNORECASE,
)
"""Names of speakers that tell a part and no person."""


def named(text: str) -> Iterator[tuple[int, int]]:
    """Where names of persons stand in a text, from and to; they may overlap."""
    for pattern in (_SAID, _HERE, _CASED, _TITLE, _TITLE_LOW):
        for match in pattern.finditer(text):
            start, end = _cut(text, *match.span(1))
            if start < end:
                yield start, end
    for pattern in (_SAID_ZH, _HERE_ZH, _TITLE_ZH):
        for match in pattern.finditer(text):
            if match.group(1)[:2] not in _PLAIN_ZH:
                yield match.span(1)


def parts(name: str) -> list[str]:
    """The name and the parts of it that stand for the person alone: "Anna Schmidt", "Anna", "Schmidt".

    Of a Chinese name of three characters the given name, and the first two, for one cannot see where a name
    ends. Single letters and single characters stand for too much else.
    """
    whole = " ".join(name.split())
    if re.fullmatch(rf"[{_HAN}]+", whole):
        found = [whole, whole[1:], whole[:2]] if len(whole) == 3 else [whole]
    else:
        found = [whole, *(piece for piece in re.findall(_WORD, whole) if not _plain(piece))]
    long = [piece for piece in dict.fromkeys(found) if len(piece) >= (2 if piece[0] >= "\u2e80" else 3)]
    return long or [whole]


def is_role(speaker: str) -> bool:
    """Whether the name of a speaker tells a part ("agent", "channel 2", "客户") and no person."""
    return ROLE.fullmatch(speaker.strip()) is not None


_BOTH = """
amber angel april art autumn bill bob buck carol chance charity chase chip christian clay cliff dale dawn
dean dick don drew duke earnest eve faith fay forest frank gene glen grace grant guy hank harmony heather
heaven holly hope hunter iris ivy jack jade jasmine jay jean jewel joy june king lance lily major mark
martin mason max may melody mercy miles misty nick olive page pat patience pearl penny peter poppy precious
prince ray rich rob robin rock rod rose ruby rusty sandy scarlet sky sterling storm sue summer sunny terry
tony victor violet wade will winter woody young brown black white green grey gray long short small little
knight cook baker smith miller fisher wood woods stone field hill lake brook rivers day week best love swift
"""
AMBIGUOUS = frozenset(_BOTH.split())
"""Names that are words as well: these are told by their capital letter alone."""


def _cut(text: str, start: int, end: int) -> tuple[int, int]:
    """A run of words ends where one is no name; where the first has a capital letter, the others need one."""
    words = list(re.finditer(_WORD, text[start:end]))
    capital = bool(words) and words[0].group()[0].isupper()
    last = start
    for place, word in enumerate(words):
        piece = word.group()
        particle = re.fullmatch(_PARTICLE, piece) is not None and place > 0
        if (_plain(piece) and not particle) or (capital and not piece[0].isupper() and not particle):
            break
        if not capital and place > 1:
            break
        if not particle:
            last = start + word.end()
    first = start + words[0].start() if words else start
    return (first, last) if last > first else (start, start)


def _plain(word: str) -> bool:
    return word.lower().replace("’", "'") in _STOP or re.fullmatch(_PARTICLE, word) is not None
