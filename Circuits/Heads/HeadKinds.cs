namespace Prisma.Circuits;

/// <summary>Names for heads by simple rules on their profile: the first that fits. The thresholds are ours and stand in every table.</summary>
public static class HeadKinds
{
    private static readonly (string Kind, string Rule, Func<HeadProfile, bool> Fits)[] s_rules =
    [
        ("class", "more than half of a patch's attention goes to tokens without a place", head => head.ToPrefix > 0.5),
        ("self", "more than 0.3 on itself", head => head.Self > 0.3),
        ("neighbour", "more than 0.35 on one neighbour", head => head.NeighbourShare > 0.35),
        ("corner", "corners get more than 3 times their share", head => head.Corner > 3),
        ("sink", "one patch gets more than 0.3 on average", head => head.Sink > 0.3),
        ("row", "the own row gets 0.3 more than its share", head => head.Row > 0.3),
        ("column", "the own column gets 0.3 more than its share", head => head.Column > 0.3),
        ("local", "looks at most 0.6 as far as even attention", head => head.Distance < 0.6),
        ("border", "the rim gets more than 1.3 times its share", head => head.Border > 1.3),
        ("positional", "more than 0.8 of its variation is the same in all pictures", head => head.Positional > 0.8),
    ];

    /// <summary>The rules in words, in the order they are tried.</summary>
    public static IReadOnlyList<(string Kind, string Rule)> Rules => [.. s_rules.Select(rule => (rule.Kind, rule.Rule)), ("content", "none of these")];

    internal static string Of(HeadProfile head) => s_rules.FirstOrDefault(rule => rule.Fits(head)).Kind ?? "content";
}
