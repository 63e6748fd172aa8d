using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// What a model loses when a coder's prediction takes the value's place, between what it loses with nothing there (zeros, or the mean) and the
/// plain pass. Three passes beside the plain one for all losses together. Only the coder's own tokens are replaced. Borrows model and coder.
/// </summary>
public sealed class SplicedLoss
{
    private readonly HookedModel _model;
    private readonly ISparseCoder _coder;
    private readonly SpliceOptions _options;
    private readonly float[]? _mean;
    private readonly Dictionary<string, LossSums> _sums = new(StringComparer.Ordinal);

    /// <summary>Nothing measured yet.</summary>
    /// <param name="model">The model.</param>
    /// <param name="coder">The coder.</param>
    /// <param name="mean">What mean ablation writes, [d_out], such as <see cref="CoderMeasurement.Mean"/>; null: no mean ablation.</param>
    /// <param name="options">Places and name checks; edits are not allowed.</param>
    /// <exception cref="PrismaException">The mean has another width, or there are edits.</exception>
    public SplicedLoss(HookedModel model, ISparseCoder coder, IReadOnlyList<double>? mean = null, SpliceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(coder);
        if (options?.Edits.Count > 0) throw new OptionsException("The loss with a coder spliced in is measured without edits of features.");
        if (mean is not null && mean.Count != coder.Card.Outputs)
            throw new ShapeException($"{coder.Card.Name} predicts vectors of {coder.Card.Outputs}; the mean has {mean.Count}.");
        (_model, _coder) = (model, coder);
        _mean = mean is null ? null : [.. mean.Select(value => (float)value)];
        _options = (options ?? SpliceOptions.Default) with { KeepError = false };
    }

    /// <summary>Measures a batch.</summary>
    /// <param name="input">The batch.</param>
    /// <param name="losses">By name; each knows the labels of this batch.</param>
    /// <param name="changes">Distances from the plain pass, by name.</param>
    /// <param name="plain">A plain pass on this batch, where there is one already. Borrowed.</param>
    /// <exception cref="PrismaException">Coder and model do not fit, or a loss does not fit the outputs.</exception>
    public void Add(ModelInput input, IReadOnlyDictionary<string, ExampleLoss>? losses = null,
        IReadOnlyDictionary<string, OutputChange>? changes = null, Recording? plain = null)
    {
        ArgumentNullException.ThrowIfNull(input);
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var placement = CoderPlacement.Of(_coder, _model, input, _options);
        using var own = plain is null ? _model.Run(input, HookPlan.Empty) : null;
        var clean = plain ?? own!;
        using var spliced = _model.Run(input, Splice.Into(HookPlan.Empty, _coder, placement, _options));
        using var zero = _model.Run(input, Fill(placement, null));
        using var mean = _mean is null ? null : _model.Run(input, Fill(placement, _mean));
        foreach (var (name, loss) in losses ?? new Dictionary<string, ExampleLoss>())
            Sums(name).Add(loss(clean), loss(spliced), loss(zero), mean is null ? null : loss(mean));
        foreach (var (name, change) in changes ?? new Dictionary<string, OutputChange>())
            Sums(name).Add(change(clean, clean), change(clean, spliced), change(clean, zero), mean is null ? null : change(clean, mean));
    }

    /// <summary>What was measured so far, in the order in which losses first came.</summary>
    public IReadOnlyList<LossRow> Report() => [.. _sums.Select(pair => pair.Value.Row(pair.Key))];

    private LossSums Sums(string name)
    {
        if (!_sums.TryGetValue(name, out var sums)) _sums.Add(name, sums = new LossSums());
        return sums;
    }

    private static HookPlan Fill(CoderPlacement placement, float[]? with) => HookPlan.Empty.Edit(placement.Writes, (value, _) =>
    {
        using var scope = NewDisposeScope();
        var filled = value.clone();
        var own = placement.Own(filled);
        if (with is null)
            own.zero_();
        else
            own.copy_(tensor(with).to(value.dtype, value.device).reshape(own.shape[2..]).expand(own.shape));
        return filled.MoveToOuterDisposeScope();
    });
}
