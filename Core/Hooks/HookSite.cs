namespace Prisma.Core;

/// <summary>Where a kind of place stands: the part of the model ("", "vision", "text", "predictor", a module path) and the block.</summary>
public readonly record struct SitePath(string Part, int Layer)
{
    /// <summary>The block number of places outside the blocks.</summary>
    public const int NoLayer = -1;
}

/// <summary>One place in a model: a kind at a path. Text names exist only at the border: <see cref="ToString"/> and <see cref="Site.Parse"/>.</summary>
public readonly record struct HookSite(SiteKind Kind, SitePath Path)
{
    /// <summary>The same place in a named part of the model.</summary>
    public HookSite In(string part) => this with { Path = Path with { Part = part } };

    /// <summary>
    /// The candidates that this place stands for: itself where it is among them; otherwise, where it names no part, the same place in every part.
    /// </summary>
    public IReadOnlyList<T> Among<T>(IEnumerable<T> candidates, Func<T, HookSite> siteOf)
    {
        var (kind, path) = (Kind, Path);
        var same = candidates.Where(candidate => siteOf(candidate) is var site && site.Kind == kind && site.Path.Layer == path.Layer
            && (path.Part.Length == 0 || site.Path.Part == path.Part)).ToList();
        var exact = same.Where(candidate => siteOf(candidate).Path.Part == path.Part).ToList();
        return exact.Count > 0 ? exact : same;
    }

    /// <summary>The name as in TransformerLens and ViT-Prisma, with the part in front: <c>vision.blocks.3.attn.hook_pattern</c>.</summary>
    public override string ToString() =>
        (Path.Part.Length > 0 ? Path.Part + "." : "") + (Path.Layer >= 0 ? $"blocks.{Path.Layer}." : "") + Kind.Name;
}

/// <summary>Names of the parts of models with more than one stack of blocks.</summary>
public static class Part
{
    /// <summary>The image tower.</summary>
    public const string Vision = "vision";

    /// <summary>The text tower.</summary>
    public const string Text = "text";
}
