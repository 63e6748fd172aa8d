using System.Reflection;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// A way to say which places of a picture a model's answer rests on. One method, one file; found by reflection. Values are raw and
/// signed as the method defines them: normalising, resizing and colouring come later.
/// </summary>
public abstract class AttributionMethod
{
    /// <summary>All methods of this library, baselines last, by name.</summary>
    public static IReadOnlyList<AttributionMethod> All { get; } = [.. Discover(typeof(AttributionMethod).Assembly)];

    /// <summary>The name for command lines and tables.</summary>
    public abstract string Name { get; }

    /// <summary>What it does, in one line.</summary>
    public abstract string Summary { get; }

    /// <summary>What one value is, in one sentence.</summary>
    public abstract string Meaning { get; }

    /// <summary>Whether negative values speak against the target.</summary>
    public abstract bool Signed { get; }

    /// <summary>Whether the map depends on the target.</summary>
    public virtual bool UsesTarget => true;

    /// <summary>Knows nothing about the model: a method must beat it.</summary>
    public virtual bool IsBaseline => false;

    /// <summary>About how many passes it takes for each picture, where a differentiated one counts as three: for estimates of time.</summary>
    public virtual int Passes(TokenLayout layout, AttributionOptions options) => IsBaseline ? 0 : UsesTarget ? 3 : 1;

    /// <summary>Whether what takes the time is work beside the passes, so that their number says little.</summary>
    public virtual bool WorksLong => false;

    /// <summary>The method of that name.</summary>
    /// <exception cref="OptionsException">There is none; the message lists them.</exception>
    public static AttributionMethod Named(string name) => All.FirstOrDefault(method => method.Name == name)
        ?? throw new OptionsException($"There is no attribution method '{name}'. Nearest: {string.Join(", ", NearestNames.Of(name, All.Select(method => method.Name)))}. All: {string.Join(", ", All.Select(method => method.Name))}.");

    /// <summary>Every method of an assembly that can be made without arguments.</summary>
    public static IEnumerable<AttributionMethod> Discover(Assembly assembly)
    {
        ArgumentNullException.ThrowIfNull(assembly);
        return assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(AttributionMethod)) && !type.IsAbstract && type.GetConstructor(Type.EmptyTypes) is not null)
            .Select(type => (AttributionMethod)Activator.CreateInstance(type)!)
            .OrderBy(method => method.IsBaseline).ThenBy(method => method.Name, StringComparer.Ordinal);
    }

    /// <summary>One map for each picture of the batch.</summary>
    /// <param name="model">The model; it is not changed.</param>
    /// <param name="input">Its input, with pictures [B, C, H, W], or clips in a video model's own order of axes. Borrowed.</param>
    /// <param name="target">What is explained; null: the class that the model chose.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="NotApplicableException">The method has nothing to say about this model or input.</exception>
    /// <exception cref="OptionsException">Options or target do not fit.</exception>
    public IReadOnlyList<AttributionMap> Explain(HookedModel model, ModelInput input, Target? target = null, AttributionOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(input);
        options ??= new AttributionOptions();
        options.Check();
        using var scope = NewDisposeScope();
        var task = new AttributionTask(Name, model, input, target ?? new ChosenClass(model.Card.Labels), options);
        if (options.Geometries is { } given && given.Count != task.Examples)
            throw new OptionsException($"{Name}: {given.Count} geometries were given for {task.Examples} pictures.");
        var finding = Compute(task);
        // Models that merge patches on the way have fewer tokens inside than the picture has places, or windows in place of pictures.
        var (found, places) = (finding.Values.shape, finding.Kind == FindingKind.PerToken ? task.Layout.Tokens : task.Layout.GridTokens);
        if (found.Length != 2 || found[0] != task.Examples || found[1] != places)
            throw task.NotApplicable($"at {finding.Place} it finds values for [{string.Join(", ", found)}] tokens, the pictures have [{task.Examples}, {places}]");
        return [.. Enumerable.Range(0, task.Examples).Select(k => Map(task, finding, k))];
    }

    /// <summary>The method itself; tensors may be left to the open scope.</summary>
    protected abstract Finding Compute(AttributionTask task);

    private AttributionMap Map(AttributionTask task, Finding finding, int example)
    {
        var geometry = task.Options.Geometries?[example];
        var heatmap = finding.Kind == FindingKind.PerToken
            ? Heatmap.FromTokens(finding.Values[example], task.Layout, geometry)
            : new Heatmap(Numbers.Of(finding.Values[example]), task.Layout, geometry);
        return new AttributionMap
        {
            Heatmap = heatmap,
            Method = Name,
            Target = UsesTarget ? finding.Targets?[example] ?? task.Target.Name : "none",
            Score = finding.Scores?[example],
            Place = finding.Place,
            Signed = Signed,
            UsesTarget = UsesTarget,
            Meaning = Meaning,
            Note = finding.Notes?[example] ?? finding.Note,
            Gap = finding.Gaps?[example],
            Forwards = finding.Forwards,
        };
    }
}
