using System.Globalization;
using System.Text.RegularExpressions;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Cli;

/// <summary>
/// Reads <c>SITE:FEATURE=CHANGE</c>: +V and -V add, V sets, xV scales, off ablates. V is in units of the feature's mean activation unless the user
/// asked for raw activations.
/// </summary>
internal static partial class FeatureOption
{
    internal static PictureEdit Read(string text, IReadOnlyDictionary<HookSite, ISparseCoder> coders, bool raw, Terminal terminal)
    {
        var match = Form().Match(ShortCodes.Expand(text, ':'));
        if (!match.Success || !int.TryParse(match.Groups["feature"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var feature))
            throw new OptionsException($"'{text}' is no change of a feature. Changes look like up.0.1:4977=+8, …=-2 (add), …=3 (set), …=x0.5 (scale) or …=off.");
        var site = Site.Parse(match.Groups["site"].Value);
        if (match.Groups["off"].Success) return new PictureEdit(site, new FeatureEdit(feature, FeatureAction.Ablate));
        var value = double.Parse(match.Groups["value"].ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture);
        var how = match.Groups["how"].Value;
        if (how == "x") return new PictureEdit(site, new FeatureEdit(feature, FeatureAction.Scale, value));
        var unit = raw ? 1 : UnitOf(site, feature, coders);
        if (unit == 0 && value != 0)
            terminal.Remark($"'{text}' changes nothing: feature {feature} never fired where its mean was measured, and multiples of that mean are 0. Give the strength as an activation, with --raw.");
        value *= unit;
        return new PictureEdit(site, how.Length == 0 ? new FeatureEdit(feature, FeatureAction.Set, value) : new FeatureEdit(feature, FeatureAction.Add, how == "-" ? -value : value));
    }

    /// <summary>Reads <c>SITE:FEATURE[,FEATURE…]</c>.</summary>
    internal static IEnumerable<(HookSite Site, int Feature)> ReadPlain(string text)
    {
        var match = Plain().Match(ShortCodes.Expand(text, ':'));
        if (!match.Success) throw new OptionsException($"'{text}' names no features. They look like up.0.1:4977 or up.0.1:4977,90.");
        var site = Site.Parse(match.Groups["site"].Value);
        return match.Groups["features"].Value.Split(',').Select(feature => int.TryParse(feature, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? (site, number)
            : throw new OptionsException($"'{text}': {feature} is no feature's number."));
    }

    private static double UnitOf(HookSite site, int feature, IReadOnlyDictionary<HookSite, ISparseCoder> coders)
    {
        if (!coders.TryGetValue(site, out var coder)) throw new OptionsException($"No coder was given for {site}: name one with --sae.");
        var card = coder.Card;
        if (feature >= card.Features) throw new OptionsException($"There is no feature {feature} in {card.Name}: it has {card.Features} (0 to {card.Features - 1}).");
        var statistics = card.Statistics ?? throw new OptionsException($"{card.Name} does not tell its features' mean activations, the unit of strength (mean.pt beside the weights): give strengths as activations, with --raw.");
        return statistics.Mean[feature];
    }

    [GeneratedRegex(@"^(?<site>[\w.]+):(?<feature>\d+)=(?:(?<off>off)|(?<how>[+\-x]?)(?<value>\d+(?:\.\d+)?(?:e-?\d+)?))$")]
    private static partial Regex Form();

    [GeneratedRegex(@"^(?<site>[\w.]+):(?<features>\d+(?:,\d+)*)$")]
    private static partial Regex Plain();
}
