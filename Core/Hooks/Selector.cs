namespace Prisma.Core;

/// <summary>Chooses points of a model: by place, name pattern, range of blocks or condition. Choosing none is an error.</summary>
internal sealed class Selector
{
    private readonly Func<IReadOnlyList<HookPoint>, IEnumerable<HookPoint>> _choose;
    private readonly string _wanted;
    private readonly bool _single;

    private Selector(Func<IReadOnlyList<HookPoint>, IEnumerable<HookPoint>> choose, string wanted, bool single) =>
        (_choose, _wanted, _single) = (choose, wanted, single);

    private Selector(Func<HookPoint, bool> fits, string wanted, bool single) : this(points => points.Where(fits), wanted, single) { }

    // A place without a part is the one of that very name, or valid where exactly one stack has it.
    internal static Selector Of(HookSite site) => new(points => site.Among(points, point => point.Site), site.ToString(), single: true);

    internal static Selector Of(string glob) => new(point => Glob.Matches(glob, point.Site.ToString()), glob, single: false);

    internal static Selector Of(Func<HookPoint, bool> where) => new(where, "the given condition", single: false);

    internal static Selector Of(SiteKind kind, Range layers)
    {
        if (layers.Start.IsFromEnd)
            throw new OptionsException($"The range {layers} of {kind.Name} must start from the first block; its end may count from the last.");
        return new Selector(point => point.Kind == kind && point.Site.Path.Layer >= layers.Start.Value, $"blocks.{layers}.{kind.Name}", single: false)
        {
            End = layers.End,
        };
    }

    private Index End { get; init; } = ^0;

    internal IReadOnlyList<HookPoint> Find(IReadOnlyList<HookPoint> points, string model)
    {
        var found = _choose(points).ToList();
        if (found.Count > 0 && !End.Equals(^0))
        {
            var blocks = found.Max(point => point.Site.Path.Layer) + 1;
            found.RemoveAll(point => point.Site.Path.Layer >= End.GetOffset(blocks));
        }
        if (found.Count == 0)
        {
            var nearest = NearestNames.Of(_wanted, points.Select(point => point.Site.ToString()));
            throw new SiteNotFoundException(
                $"No place '{_wanted}' in {model}. Nearest: {string.Join(", ", nearest)}. 'prisma sites' lists all {points.Count}.");
        }
        if (_single && found.Count > 1)
            throw new SiteNotFoundException(
                $"'{_wanted}' stands for {found.Count} places in {model}: {string.Join(", ", found.Select(point => point.Site))}. Name the part.");
        return found;
    }
}
