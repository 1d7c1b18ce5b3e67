"""A speech encoder, an adapter and a causal language model in one: it hears, reads and writes the emotion.

After SALMONN (Tang et al., arXiv:2310.13289), SLAM-LLM (Ma et al., arXiv:2402.08846) and BLSP-Emo (Wang
et al., arXiv:2406.03872), in a size that learns on a CPU where the parts are small.
"""
