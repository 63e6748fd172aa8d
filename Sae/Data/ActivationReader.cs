using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Runs a model and makes rows of what its places hold: the chosen tokens of one example after another, heads side by side. All places give
/// the same rows, so that a row of one column belongs to the same token as that row of every other.
/// </summary>
internal sealed class ActivationReader
{
    private readonly HookedModel _model;
    private readonly IModelInputs _inputs;
    private readonly IReadOnlyList<HookSite> _sites;
    private readonly TokenFilter _tokens;
    private readonly ScalarType _dtype;
    private readonly HookPlan _plan;
    private readonly Device _device;

    /// <summary>Runs the first examples to learn the widths; everything that can be wrong is found here.</summary>
    /// <exception cref="PrismaException">The model lacks a place, a place has no such tokens, or places differ in their rows.</exception>
    internal ActivationReader(HookedModel model, IModelInputs inputs, IReadOnlyList<HookSite> sites, TokenFilter tokens, ScalarType dtype)
    {
        const int Trial = 2;  // a place that does not depend on the example shows with two
        if (inputs.Count < 1) throw new OptionsException("There are no examples to run the model on.");
        if (sites.Count < 1) throw new OptionsException("Name at least one place to read activations from.");
        (_model, _inputs, _tokens, _dtype) = (model, inputs, tokens, dtype);
        _device = model.Weights.Select(weight => weight.Weight.Value.device).FirstOrDefault() ?? CPU;
        var keep = HookPlan.Empty.Keep([.. sites]);
        int[] first = [.. Enumerable.Range(0, Math.Min(Trial, inputs.Count))];
        using var trial = new InputBatch(first, inputs.Batch(first));
        using var recording = Run(trial.Input, keep);
        _sites = recording.Cache.Sites;
        _plan = keep.StopAfter(_sites[^1]);
        using var scope = NewDisposeScope();
        var layout = tokens == TokenFilter.All ? null : LayoutOf(trial.Input);
        var cuts = _sites.Select(site => (Site: site, Rows: Cut(site, recording.Cache[site], layout, first.Length))).ToList();
        if (cuts.FirstOrDefault(cut => cut.Rows.shape[0] != cuts[0].Rows.shape[0]) is { Rows: not null } odd)
            throw new ShapeException($"{cuts[0].Site} gives {cuts[0].Rows.shape[0] / first.Length} rows per example and {odd.Site} {odd.Rows.shape[0] / first.Length}: they cannot be columns of one table. Harvest them apart, or choose tokens that both have.");
        Columns = [.. cuts.Select(cut => new SourceColumn(cut.Site.ToString(), checked((int)cut.Rows.shape[1])))];
        RowsPerExample = checked((int)(cuts[0].Rows.shape[0] / first.Length));
    }

    internal IReadOnlyList<SourceColumn> Columns { get; }

    internal int RowsPerExample { get; }

    /// <summary>The rows of some examples: per column [examples · rows, width], on the CPU, in the chosen type; the caller disposes them.</summary>
    /// <exception cref="OptionsException">A number is NaN or infinite; the message names place and example.</exception>
    internal IReadOnlyDictionary<string, Tensor> Read(InputBatch batch)
    {
        using var scope = NewDisposeScope();
        using var recording = Run(batch.Input, _plan);
        var layout = _tokens == TokenFilter.All ? null : LayoutOf(batch.Input);
        var rows = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        foreach (var site in _sites)
        {
            var made = Cut(site, recording.Cache[site], layout, batch.Examples.Count).to(_dtype, CPU).contiguous();
            if (made.shape[0] != (long)batch.Examples.Count * RowsPerExample)
                throw new ShapeException($"{site} gives {made.shape[0]} rows for {batch.Examples.Count} examples from {_inputs.NameOf(batch.Examples[0])} on; {RowsPerExample} for each were expected. All examples must have the same size.");
            CheckFinite(site, made, batch.Examples);
            rows.Add(site.ToString(), made);
        }
        foreach (var tensor in rows.Values) tensor.DetachFromDisposeScope();
        return rows;
    }

    private Recording Run(ModelInput input, HookPlan plan)
    {
        if (_device.type == TorchSharp.DeviceType.CPU) return _model.Run(input, plan);
        using var scope = NewDisposeScope();
        var moved = new ModelInput();
        foreach (var (name, tensor) in input) moved.Add(name, tensor.to(_device));
        return _model.Run(moved, plan);
    }

    // Texts have no picture, but what opens each of them is known.
    private TokenLayout LayoutOf(ModelInput input) => _model.LayoutOf(input)
        ?? (_tokens == TokenFilter.NoSpecial && _inputs.Opening > 0 && input.First().Value is { ndim: 2 } ids
            ? new TokenLayout(_inputs.Opening, 1, 1, (int)ids.shape[1] - _inputs.Opening, 1, 1)
            : null)
        ?? throw new OptionsException($"The tokens of {_model.Card.Name} have no layout, so {_tokens} tokens cannot be told apart; only all of them can be taken.");

    // [examples, tokens, …] to [examples · chosen tokens, width]; in the current scope.
    private Tensor Cut(HookSite site, Tensor value, TokenLayout? layout, long examples)
    {
        var (axes, shape) = (site.Kind.Axes, value.shape);
        var second = axes.Count > 1 ? axes[1] : Axis.Output;
        if (site.Kind.IsChannelFirst && shape.Length == 4 && shape[0] == examples && layout is null)
            return Cells.ToTokens(site, value).reshape(shape[0] * shape[2] * shape[3], shape[1]);
        var perToken = axes.Count > 2 && second is Axis.Token or Axis.Patch;
        var perExample = axes.Count == 2 && second == Axis.Output;
        if (!(perToken || perExample) || axes[0] != Axis.Batch || shape.Length != axes.Count || shape[0] != examples)
            throw new ShapeException($"{site} is [{string.Join(", ", shape)}] for {examples} examples: it has no vector for each token of each example, so no rows can be made of it.");
        if (perExample && _tokens is TokenFilter.Spatial or TokenFilter.NoSpecial)
            throw new ShapeException($"{site} has one vector per example and no {_tokens} tokens.");
        if (perExample) return value;
        if (layout is not null) value = Chosen(site, value, layout, grid: second == Axis.Patch);
        return value.reshape(value.shape[0] * value.shape[1], -1);
    }

    private Tensor Chosen(HookSite site, Tensor value, TokenLayout layout, bool grid)
    {
        var prefix = grid ? 0 : layout.Prefix;
        if (value.shape[1] != prefix + layout.GridTokens)
            throw new ShapeException($"{site} has {value.shape[1]} tokens where the layout of {_model.Card.Name} has {prefix + layout.GridTokens}: {_tokens} tokens cannot be told apart there.");
        if (_tokens != TokenFilter.Cls) return value.narrow(1, prefix, layout.GridTokens);
        return prefix > 0 ? value.narrow(1, 0, 1) : throw new ShapeException($"{site} of {_model.Card.Name} has no class token.");
    }

    private void CheckFinite(HookSite site, Tensor rows, IReadOnlyList<int> examples)
    {
        var finite = rows.isfinite().all(1);
        if (finite.all().item<bool>()) return;
        var row = finite.@long().argmin().item<long>();
        var advice = _dtype == ScalarType.Float16 ? " float16 ends at 65,504: store float32 or bfloat16 if the model's own numbers are finite." : "";
        throw new OptionsException($"{site} holds NaN or infinite numbers for {_inputs.NameOf(examples[(int)(row / RowsPerExample)])} (its row {row % RowsPerExample}, stored as {_dtype}).{advice}");
    }
}
