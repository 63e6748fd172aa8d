using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Where a coder belongs in a loaded model: which places it reads and writes and which tokens are its own. Everything that can be wrong is
/// found here, before any real work.
/// </summary>
public sealed class CoderPlacement
{
    private CoderPlacement(HookSite reads, HookSite writes, (long Start, long Length)? tokens) => (Reads, Writes, Tokens) = (reads, writes, tokens);

    /// <summary>The place that it reads, in this model.</summary>
    public HookSite Reads { get; }

    /// <summary>The place that it writes; <see cref="Reads"/> for an autoencoder.</summary>
    public HookSite Writes { get; }

    /// <summary>The tokens that it was trained on, as a range of the token axis; null for all.</summary>
    public (long Start, long Length)? Tokens { get; }

    /// <summary>Compares a coder with a model: names, places, tokens, widths (by a pass of one example that ends at the place).</summary>
    /// <exception cref="OptionsException">The model has another name and <see cref="SpliceOptions.Force"/> is not set, or the tokens do not exist.</exception>
    /// <exception cref="SiteNotFoundException">The model lacks the place.</exception>
    /// <exception cref="ShapeException">The place is not d_in wide.</exception>
    public static CoderPlacement Of(ISparseCoder coder, HookedModel model, ModelInput input, SpliceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(coder);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(input);
        options ??= SpliceOptions.Default;
        var card = coder.Card;
        if (!options.Force && !ModelNames.MayBeTheSame(card.Origin.ModelName, model.Card))
            throw new OptionsException(
                $"{card.Name} was trained on '{card.Origin.ModelName}', the loaded model is '{model.Card.Name}'. If they are the same, or you want it all the same, use --force.");
        if (card.Origin.Head is { } head)
            throw new OptionsException($"{card.Name} reads head {head} alone; putting coders of single heads into a model is not built.");
        if (card.Sites > 1) throw new OptionsException($"{card.Name} reads {card.Sites} places; only coders of one place can be put into a model.");
        var reads = Find(card, model, options.Reads, card.Reads, "reads");
        var writes = Find(card, model, options.Writes ?? (card.Writes.Count == 0 ? options.Reads : null), card.Writes, "writes");
        if (writes.Order < reads.Order)
            throw new OptionsException($"{card.Name} writes {writes.Site}, which lies before {reads.Site}, which it reads.");
        var tokens = TokensOf(card, model, input);
        CheckWidths(card, model, input, reads.Site, writes.Site, tokens);
        return new CoderPlacement(reads.Site, writes.Site, tokens);
    }

    /// <summary>The coder's tokens of a value at one of its places [batch, tokens, …]: a view, or the value itself.</summary>
    public Tensor Own(Tensor value) => Tokens is var (start, length) ? value.narrow(1, start, length) : value;

    private static HookPoint Find(CoderCard card, HookedModel model, HookSite? chosen, IReadOnlyList<HookSite> stated, string verb)
    {
        if (chosen is null && stated.Count != 1)
            throw new OptionsException(stated.Count == 0
                ? $"{card.Name} does not say which place it {verb}{(card.Origin.HookName.Length > 0 ? $" in words known here ('{card.Origin.HookName}')" : "")}: name the place."
                : $"{card.Name} {verb} {stated.Count} places; only coders of one place can be put into a model.");
        var site = chosen ?? stated[0];
        var found = site.Among(model.Points, point => point.Site);
        // An unprefixed place of a vision library means the vision tower where a model has parts.
        if (found.Count > 1 && site.Path.Part.Length == 0 && card.Origin.DefaultPart.Length > 0)
            found = [.. found.Where(point => point.Site.Path.Part == card.Origin.DefaultPart)];
        if (found.Count == 1) return found[0];
        var alike = model.Points.Where(point => point.Kind == site.Kind).Select(point => point.Site.ToString()).ToList();
        throw new SiteNotFoundException(found.Count > 1
            ? $"{card.Name} {verb} {site}, which stands for {found.Count} places in {model.Card.Name}: {string.Join(", ", found.Select(point => point.Site))}. Name the part."
            : $"{card.Name} {verb} {site}, which {model.Card.Name} does not have. Of this kind it has: {(alike.Count == 0 ? "none" : string.Join(", ", alike.Count > 6 ? [.. alike.Take(3), "…", alike[^1]] : alike))}.");
    }

    private static (long Start, long Length)? TokensOf(CoderCard card, HookedModel model, ModelInput input)
    {
        if (card.Origin.Scope == TokenScope.All) return null;
        var layout = model.LayoutOf(input)
            ?? throw new OptionsException($"{card.Name} was trained on {card.Origin.Scope} tokens, but the tokens of {model.Card.Name} have no layout.");
        if (card.Origin.Scope == TokenScope.Patches) return (layout.Prefix, layout.GridTokens);
        return layout.Prefix > 0
            ? (0, 1)
            : throw new OptionsException($"{card.Name} was trained on the class token, which {model.Card.Name} does not have.");
    }

    private static void CheckWidths(CoderCard card, HookedModel model, ModelInput input, HookSite reads, HookSite writes, (long Start, long Length)? tokens)
    {
        using var scope = NewDisposeScope();
        var one = new ModelInput();
        foreach (var (name, tensor) in input) one.Add(name, tensor.ndim > 0 && tensor.shape[0] > 1 ? tensor.narrow(0, 0, 1) : tensor);
        using var recording = model.Run(one, HookPlan.Empty.Keep(reads).Keep(writes).StopAfter(writes));
        Check(reads, card.Inputs, "d_in");
        Check(writes, card.Outputs, "d_out");

        void Check(HookSite site, int width, string name)
        {
            var shape = recording.Cache[site].shape;
            if (shape[^1] != width && !(card.FlattensHeads && shape.Length == 4 && shape[^1] * shape[^2] == width))
                throw new ShapeException($"{card.Name} has {name} = {width}; {site} of {model.Card.Name} is [{string.Join(", ", shape)}]. It belongs to another model or place.");
            if (tokens is var (start, length) && (site.Kind.Axes.Count < 2 || site.Kind.Axes[1] != Axis.Token || shape[1] < start + length))
                throw new ShapeException($"{card.Name} was trained on {card.Origin.Scope} tokens; {site} of {model.Card.Name} [{string.Join(", ", shape)}] does not have them.");
        }
    }
}
