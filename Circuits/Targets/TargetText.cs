using System.Globalization;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Targets as they are written on a command line: <c>class:281</c>, <c>label:cat</c>, <c>diff:A,B</c>, <c>logprob:281</c>,
/// <c>text:a red circle</c>, <c>feature:SITE:123</c>, or nothing for the class that the model chose. Classes of <c>diff</c> and
/// <c>logprob</c> are numbers or labels.
/// </summary>
public sealed class TargetText
{
    /// <summary>Embeds a text for <c>text:</c>: [e] of the model's joint space, which the target then borrows. Null: refused.</summary>
    public Func<string, Tensor>? Embed { get; init; }

    /// <summary>Makes the target for <c>feature:</c> from a place and a feature's number. Null: refused.</summary>
    public Func<HookSite, int, Target>? Feature { get; init; }

    /// <summary>Reads a target for a model.</summary>
    /// <exception cref="OptionsException">It is none, or the model lacks what it names; the message shows the forms.</exception>
    public Target Parse(string? text, ModelCard card)
    {
        ArgumentNullException.ThrowIfNull(card);
        if (string.IsNullOrWhiteSpace(text)) return new ChosenClass(card.Labels);
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var (kind, rest) = colon < 0 ? (text, "") : (text[..colon], text[(colon + 1)..].Trim());
        if (rest.Length == 0) throw Malformed(text);
        return kind switch
        {
            "class" => new ClassLogit(Number(rest, text), card.Labels),
            "label" => new ClassLogit(ClassName.Find(rest, card), card.Labels),
            "logprob" => new LogProbability(Class(rest, card) ?? ClassName.Find(rest, card), card.Labels),
            "diff" => Difference(rest, card),
            "text" => Embed is { } embed ? new Direction(embed(rest), $"“{rest}”") : throw new OptionsException($"{card.Name} does not embed texts, so '{text}' cannot be its target."),
            "feature" => FeatureOf(rest, text),
            _ => throw Malformed(text),
        };
    }

    private static OptionsException Malformed(string text) =>
        new($"'{text}' is no target. Targets look like class:281, label:cat, diff:cat,dog, logprob:281, text:a red circle or feature:blocks.9.hook_resid_post:123.");

    private static int Number(string digits, string text) =>
        int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw Malformed(text);

    private static int? Class(string name, ModelCard card) =>
        int.TryParse(name.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : ClassName.TryFind(name, card);

    // Labels may contain commas themselves: the comma is the one with a class on both sides.
    private static LogitDifference Difference(string rest, ModelCard card)
    {
        for (var comma = rest.IndexOf(','); comma >= 0; comma = rest.IndexOf(',', comma + 1))
            if (Class(rest[..comma], card) is { } plus && Class(rest[(comma + 1)..], card) is { } minus)
                return new LogitDifference(plus, minus, card.Labels);
        var parts = rest.Split(',', 2);
        if (parts.Length < 2) throw Malformed($"diff:{rest}");
        throw new OptionsException($"'diff:{rest}' names no two classes of {card.Name}. "
            + (card.Labels.Count == 0 ? "It has no labels: use numbers." : $"Nearest: {string.Join("; ", NearestNames.Of(parts[0], card.Labels).Concat(NearestNames.Of(parts[1], card.Labels)).Distinct())}."));
    }

    private Target FeatureOf(string rest, string text)
    {
        var colon = rest.LastIndexOf(':');
        if (colon <= 0) throw Malformed(text);
        var site = Site.Parse(rest[..colon]);
        var number = Number(rest[(colon + 1)..], text);
        return Feature is { } make ? make(site, number) : throw new OptionsException($"'{text}' needs a sparse coder at {site}: name one with --sae.");
    }
}
