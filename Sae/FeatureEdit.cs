using System.Globalization;
using System.Text.RegularExpressions;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>A change of one feature. Edits of the same feature compose in the order given.</summary>
/// <param name="Feature">The feature's number.</param>
/// <param name="Action">What is done.</param>
/// <param name="Value">v; not used by <see cref="FeatureAction.Ablate"/>.</param>
public sealed partial record FeatureEdit(int Feature, FeatureAction Action, double Value = 0)
{
    /// <summary>The tokens to change, counted as the model counts them (0 is its first); all of the coder's where null.</summary>
    public IReadOnlyList<int>? Tokens { get; init; }

    /// <summary>
    /// For <see cref="FeatureAction.Set"/> and <see cref="FeatureAction.Add"/>: v of each token, from the coder's first on, in place of
    /// <see cref="Value"/>; for one example, then the same for all, or for every example one after another.
    /// </summary>
    public IReadOnlyList<float>? Values { get; init; }

    /// <summary>The share of the change that each token gets, from the coder's first on: a soft mask. 1 everywhere where null.</summary>
    public IReadOnlyList<float>? Shares { get; init; }

    /// <summary>Reads <c>SITE:FEATURE=add V|scale V|set V|clamp V|ablate</c>. Borders only.</summary>
    /// <exception cref="OptionsException">The text has another form.</exception>
    /// <exception cref="SiteNotFoundException">The place is not known.</exception>
    public static (HookSite Site, FeatureEdit Edit) Parse(string text)
    {
        var match = Form().Match(text);
        var action = match.Groups["action"].Value;
        var value = 0.0;
        if (!match.Success || !int.TryParse(match.Groups["feature"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var feature)
            || (action != "ablate") != match.Groups["value"].Success
            || (match.Groups["value"].Success && !(double.TryParse(match.Groups["value"].ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value))))
            throw new OptionsException($"'{text}' is no edit. Edits look like blocks.9.hook_resid_post:123=ablate, …:123=set 4, …:123=scale 0.5 or …:123=add -2.");
        return (Site.Parse(match.Groups["site"].Value), new FeatureEdit(feature, Enum.Parse<FeatureAction>(action, ignoreCase: true), value));
    }

    /// <summary>
    /// What the edits change: Δcodes of the same rows; null where nothing changes. <paramref name="tokenOfRow"/> tells which of the model's
    /// tokens a row is; null where rows are no tokens.
    /// </summary>
    internal static SparseCodes? Change(Codes codes, IReadOnlyList<FeatureEdit> edits, Func<long, long>? tokenOfRow)
    {
        if (edits.Count == 0) return null;
        using var scope = NewDisposeScope();
        var features = edits.Select(edit => edit.Feature).Distinct().ToArray();
        var changes = new List<Tensor>();
        foreach (var feature in features)
        {
            var before = codes.Column(feature);
            var after = before;
            foreach (var edit in edits.Where(edit => edit.Feature == feature))
            {
                var edited = edit.Apply(after);
                if (edit.Shares is { } shares) edited = after + (edited - after) * OnRows(shares, after);
                after = edit.Tokens is { } tokens ? edited.where(RowMask(codes.Rows, tokens, tokenOfRow, before.device), after) : edited;
            }
            changes.Add(after - before);
        }
        var change = stack(changes, 1);
        if (!change.ne(0).any().item<bool>()) return null;
        var numbers = tensor(features.Select(feature => (long)feature).ToArray(), device: change.device).unsqueeze(0).expand(codes.Rows, features.Length);
        return SparseCodes.FromRows(change, numbers, codes.Features);
    }

    private Tensor Apply(Tensor activation) => Action switch
    {
        FeatureAction.Ablate => activation.zeros_like(),
        FeatureAction.Set when Values is not null => OnRows(Values, activation),
        FeatureAction.Add when Values is not null => activation + OnRows(Values, activation),
        FeatureAction.Set => activation.full_like(Value),
        FeatureAction.Scale => activation * Value,
        FeatureAction.Add => activation + Value,
        FeatureAction.Clamp => activation.masked_fill(activation.ne(0), Value),
        _ => throw new OptionsException($"{Action} is no edit of a feature."),
    };

    // Rows are tokens of one example after another.
    private static Tensor OnRows(IReadOnlyList<float> perToken, Tensor rows)
    {
        if (perToken.Count == 0 || rows.shape[0] % perToken.Count != 0)
            throw new OptionsException($"An edit has values for {perToken.Count} tokens; {rows.shape[0]} rows are no multiple of them.");
        return tensor([.. perToken], device: rows.device).repeat(rows.shape[0] / perToken.Count);
    }

    private static Tensor RowMask(long rows, IReadOnlyList<int> tokens, Func<long, long>? tokenOfRow, Device device)
    {
        if (tokenOfRow is null) throw new OptionsException("The edited place has no tokens, so an edit cannot choose among them.");
        var wanted = tokens.Select(token => (long)token).ToHashSet();
        var mask = new bool[rows];
        for (long row = 0; row < rows; row++) mask[row] = wanted.Contains(tokenOfRow(row));
        return tensor(mask, device: device);
    }

    [GeneratedRegex(@"^(?<site>[\w.]+):(?<feature>\d+)=(?<action>ablate|set|scale|add|clamp)(?:\s+(?<value>\S+))?$")]
    private static partial Regex Form();
}
