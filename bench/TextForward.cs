using Prisma.Core;
using Prisma.Text;
using TorchSharp;

namespace Prisma.Bench;

/// <summary>
/// GPT-2 small: our forward pass against a plain PyTorch one on the same libtorch, same weights, same tokens, same logits; and the time of a
/// token with memory against the time in which this machine reads all weights once, in single precision and in bfloat16.
/// </summary>
internal static class TextForward
{
    private const int Prompt = 64, Settling = 100, MadePerRound = 16;

    // Of the tokens that reading the weights allows; how many times more in bfloat16.
    private const double LeastShare = 0.9, LeastGain = 1.4;

    public static IEnumerable<Row> Run(Rival rival, int rounds)
    {
        using var work = new TextWorkload();
        rival.Ask("text-load", work.Folder);
        rival.Ask("text-input", string.Join(' ', TextWorkload.Ids));
        RequireSameLogits(work, rival);
        var both = Comparison.ByTurns(rounds, () => Machine.Timed(work.Forward), () => rival.Seconds("text-forward"));
        yield return Row.Of($"GPT-2 small forward, {TextWorkload.Tokens} tokens / Python torch", both, limit: 1.05);

        using var weights = torch.ones(work.WeightBytes / sizeof(float)).DetachFromDisposeScope();
        double Reading() => Machine.Timed(() => weights.sum().Dispose());
        var decoding = TokensAndReading(work.Model, rounds, Reading);
        yield return Row.Of("GPT-2 small, a token with memory / reading the weights", decoding, limit: 1 / LeastShare);
        work.Halve();
        var halved = TokensAndReading(work.Model, rounds, Reading);
        yield return Row.Of("GPT-2 small in bfloat16, a token with memory / reading the weights in single precision", halved, limit: 1 / (LeastShare * LeastGain));
    }

    // By turns token by token, since what memory gives changes from one moment to the next. The tokens before them let the code be compiled to its end.
    private static Comparison TokensAndReading(CausalLm model, int rounds, Func<double> reading)
    {
        IEnumerable<GeneratedToken> Tokens(int count) => TextGenerator.Generate(model, [.. TextWorkload.Ids.Take(Prompt)], new GenerateOptions { MaxTokens = count });
        _ = Tokens(Settling).Count();
        using var tokens = Tokens(2 + rounds * MadePerRound).GetEnumerator();
        tokens.MoveNext();
        return Comparison.ByTurns(rounds * MadePerRound, () => Machine.Timed(() => tokens.MoveNext()), reading);
    }

    private static void RequireSameLogits(TextWorkload work, Rival rival)
    {
        var ours = work.LastLogits();
        var theirs = rival.Ask("text-logits").EnumerateArray().Select(v => v.GetSingle()).ToArray();
        var worst = ours.Zip(theirs, (a, b) => Math.Abs(a - b)).Max();
        if (ours.Length != theirs.Length || !(worst <= 1e-3 * theirs.Max(Math.Abs)))
            throw new PrismaException($"The two sides compute different logits (largest difference {worst:0.0e+0}): their times cannot be compared.");
    }
}
