"""What was asked of a language model, in sentences for people."""

from __future__ import annotations

from collections.abc import Mapping

from hearfelt.types import Asked

_TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "always": "The language model {model} was asked about every utterance with words",
        "uncertain": "The language model {model} was asked where the verdict without it was less than "
        "{below} sure or voice and words contradicted each other",
        "never": "The language model {model} was not to be asked",
        "put": "{asked} of {utterances} utterance{s} were put to it",
        "answered": "{n} answered",
        "failed": "{n} without an answer",
        "cached": "{n} answered as in an earlier run",
        "not_asked": "Not asked: {reasons}",
        "changed": "It changed {n} of {of} verdict{s}",
        "cost": "Cost: {requests} request{s}, {tokens} tokens{estimated}, {seconds:.1f} s",
        "estimated": " (estimated)",
        "sure": "{n} sure enough",
        "no_words": "{n} without words",
        "budget": "{n} because the budget was spent",
        "breaker": "{n} because it had failed too often",
        "replay": "{n} because no answer is kept",
        "interrupted": "{n} because of an interrupt",
        "comma": ", ",
        "colon": ": ",
        "stop": ".",
    },
    "zh": {
        "always": "语言模型 {model} 对每句有文字的话都作了询问",
        "uncertain": "仅当没有它时的结论把握低于 {below}，或声音与话语矛盾时，才询问语言模型 {model}",
        "never": "按设置不询问语言模型 {model}",
        "put": "{utterances} 句中询问了 {asked} 句",
        "answered": "{n} 句有回答",
        "failed": "{n} 句没有回答",
        "cached": "{n} 句沿用先前的回答",
        "not_asked": "未询问：{reasons}",
        "changed": "它改变了 {of} 个结论中的 {n} 个",
        "cost": "开销：{requests} 次请求，{tokens} 个词元{estimated}，{seconds:.1f} 秒",
        "estimated": "（估计）",
        "sure": "{n} 句已足够确定",
        "no_words": "{n} 句没有文字",
        "budget": "{n} 句因预算用完",
        "breaker": "{n} 句因模型多次失败",
        "replay": "{n} 句没有保存的回答",
        "interrupted": "{n} 句因中断",
        "comma": "，",
        "colon": "：",
        "stop": "。",
    },
}


def sentences(asked: Asked, language: str = "en") -> list[str]:
    """Who was asked and why, who was not, what it changed and what it cost; one sentence each."""
    say = _TEXTS[language]
    below = "" if asked.below is None else f"{asked.below:.0%}"
    head = say.get(asked.policy, say["always"]).format(model=asked.model, below=below)
    if asked.policy == "never":
        return [head + say["stop"]]
    put = [say["put"].format(asked=asked.asked, utterances=asked.utterances, s=_s(asked.utterances))]
    put += [
        say[name].format(n=n)
        for name, n in (("answered", asked.answered), ("failed", asked.failed), ("cached", asked.cached))
        if n
    ]
    found = [head + say["colon"] + say["comma"].join(put)]
    if asked.not_asked:
        reasons = (say.get(why, why + " {n}").format(n=n) for why, n in asked.not_asked.items())
        found.append(say["not_asked"].format(reasons=say["comma"].join(reasons)))
    verdicts = asked.answered + asked.cached
    if verdicts:
        found.append(say["changed"].format(n=asked.changed, of=verdicts, s=_s(verdicts)))
    if asked.requests:
        estimated = say["estimated"] if asked.tokens_estimated else ""
        found.append(
            say["cost"].format(
                requests=asked.requests,
                s=_s(asked.requests),
                tokens=asked.tokens,
                estimated=estimated,
                seconds=asked.seconds,
            )
        )
    return [sentence + say["stop"] for sentence in found]


def _s(count: int) -> str:
    """The end of an English noun."""
    return "" if count == 1 else "s"
