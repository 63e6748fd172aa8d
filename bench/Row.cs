namespace Prisma.Bench;

/// <summary>One printed figure.</summary>
/// <param name="What">What was compared with what.</param>
/// <param name="Figures">The absolute numbers, in words.</param>
/// <param name="Ratio">The ratio that counts.</param>
/// <param name="Limit">What it may be at most.</param>
internal sealed record Row(string What, string Figures, double Ratio, double Limit)
{
    public bool Holds => Ratio <= Limit;

    public static Row Of(string what, Comparison c, double limit, string unit = "ms", double scale = 1e3) => new(what,
        FormattableString.Invariant($"{c.Ours * scale:0.##} against {c.Theirs * scale:0.##} {unit}, rounds {c.Least:0.00}–{c.Most:0.00}"),
        c.Ratio, limit);

    public override string ToString() =>
        FormattableString.Invariant($"{What,-52} {Ratio,6:0.000} (limit {Limit:0.00}, {(Holds ? "ok" : "MISSED")})   {Figures}");
}
