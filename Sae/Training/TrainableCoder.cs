using Prisma.Core;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// A coder in training: its parameters, its loss, and what becomes of it afterwards. With p = norm(x) − b_in, products are p·W_encᵀ, and
/// x̂ = undo(f·W_dec + b [+ x·W_skipᵀ]). Feature rows are contiguous: encoder [F, d_in], decoder [F, d_out]. Owns its tensors.
/// </summary>
public abstract class TrainableCoder : IDisposable
{
    private readonly Dictionary<string, Parameter> _parameters = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Tensor> _state = new(StringComparer.Ordinal);

    /// <summary>Random weights.</summary>
    /// <param name="shape">The sizes.</param>
    /// <param name="options">The options, checked before.</param>
    /// <param name="seed">The seed of the weights.</param>
    protected TrainableCoder(CoderShape shape, TrainedOptions options, long seed)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(options);
        (Shape, Common) = (shape, options);
        using var scope = NewDisposeScope();
        using var generator = new Generator(Seeds.Mixed(seed, 0));
        var rows = nn.functional.normalize(randn(shape.Features, shape.OutputWidth, generator: generator)) * options.Start.DecoderNorm;
        var ties = options.Start.TiesEncoder && shape.Width == shape.OutputWidth;
        var detectors = ties ? rows.clone() : nn.functional.normalize(randn(shape.Features, shape.Width, generator: generator));
        Encoder = Add("encoder", detectors);
        EncoderBias = Add("encoder_bias", zeros(shape.Features));
        Decoder = Add("decoder", rows);
        Bias = Add("bias", zeros(shape.OutputWidth));
        if (options.InputBias == BiasUse.Separate) OwnInputBias = Add("input_bias", zeros(shape.Width));
        if (options.Skip) SkipMap = Add("skip", zeros(shape.OutputWidth, shape.Width));
        MseScale = options.MseScale ?? 1;
    }

    /// <summary>The sizes.</summary>
    public CoderShape Shape { get; }

    /// <summary>How many rows <see cref="Begin"/> wants to see; fewer than a batch means a batch.</summary>
    public virtual long StartRows => 0;

    /// <summary>Whether the architecture itself forms the decoder's rows, so that a step must not project or scale them.</summary>
    public virtual bool FormsDecoder => false;

    /// <summary>What is learned, by name: <c>encoder</c>, <c>encoder_bias</c>, <c>decoder</c>, <c>bias</c> and what the architecture adds. Borrowed.</summary>
    public IReadOnlyDictionary<string, Parameter> Parameters => _parameters;

    /// <summary>What is kept from step to step without being learned by gradients, by name. Borrowed.</summary>
    public IReadOnlyDictionary<string, Tensor> State => _state;

    /// <summary>The architecture that the card of the frozen coder names.</summary>
    public abstract string Frozen { get; }

    /// <summary>W_encᵀ: [F, d_in].</summary>
    public Parameter Encoder { get; }

    /// <summary>b_enc: [F].</summary>
    public Parameter EncoderBias { get; }

    /// <summary>W_dec: [F, d_out].</summary>
    public Parameter Decoder { get; }

    /// <summary>b_dec: [d_out].</summary>
    public Parameter Bias { get; }

    /// <summary>W_skip: [d_out, d_in], for skip transcoders.</summary>
    public Parameter? SkipMap { get; }

    /// <summary>The factor of <see cref="ReconstructionLoss.ScaledMse"/>.</summary>
    public double MseScale { get; private set; }

    /// <summary>A bias subtracted from the input that is not the decoder's: [d_in].</summary>
    protected Parameter? OwnInputBias { get; }

    /// <summary>What all architectures' options share.</summary>
    protected TrainedOptions Common { get; }

    /// <summary>Rows [n, width] as the frozen coder takes them.</summary>
    internal virtual Tensor Arranged(Tensor rows) => rows;

    /// <summary>The parts of the loss of one batch; differentiable with respect to <see cref="Parameters"/>. Made in the current scope.</summary>
    public abstract IReadOnlyList<LossTerm> Loss(TrainRows batch, StepInfo step);

    /// <summary>Called once before the run with all its coders, this one among them; architectures that look at others keep those they want. Borrowed.</summary>
    /// <exception cref="OptionsException">The others do not fit.</exception>
    public virtual void Meet(IReadOnlyList<TrainableCoder> coders) { }

    /// <summary>Called for all coders of a run before any of them makes a step.</summary>
    public virtual void BeforeStep() { }

    /// <summary>
    /// The same loss through the entries that are kept, whose gradients fill no matrix [n, F]; null where the options need every entry. Called, it
    /// may still give null for a batch that it cannot describe, before anything was noted. Made in the current scope.
    /// </summary>
    internal virtual Func<SparseStep, TrainRows, StepInfo, SparseLoss?>? LossOverEntries => null;

    /// <summary>Called after every update; architectures that adapt something outside the gradient do it here.</summary>
    public virtual void AfterStep(TrainRows batch, StepInfo step, ICoderMoments moments) { }

    /// <summary>The coder as it stands, with copies of the weights. The caller disposes it.</summary>
    /// <param name="card">What it is for; sizes and architecture are filled in.</param>
    public ICoder Freeze(CoderCard? card = null)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        return Build((card ?? new CoderCard { Architecture = Frozen, Inputs = 0, Features = 0, Outputs = 0 }) with
        {
            Architecture = Frozen,
            Inputs = Shape.Width,
            Features = Shape.Features,
            Outputs = Shape.OutputWidth,
        });
    }

    /// <summary>Sets what depends on data from the first rows.</summary>
    public virtual void Begin(TrainRows first)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        if (Common.MseScale is null) MseScale = 1 / (first.Targets - first.Targets.mean([0], keepdim: true)).square().mean().item<float>();
        if (Common.Start.Bias == StartBias.Zero) return;
        Bias.copy_(Centre(first.Targets));
        OwnInputBias?.copy_(Centre(first.Inputs));
    }

    /// <summary>Takes up the factor of the scaled loss of an earlier run.</summary>
    internal void ResumeScale(double scale) => MseScale = scale;

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        foreach (var tensor in _parameters.Values.Concat(_state.Values)) tensor.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Freezes to the coder that computes the same on new data. Called within a scope, without gradients.</summary>
    protected abstract ICoder Build(CoderCard card);

    /// <summary>Takes over a parameter.</summary>
    protected Parameter Add(string name, Tensor value)
    {
        var parameter = (Parameter)nn.Parameter(value).DetachFromDisposeScope();
        _parameters.Add(name, parameter);
        return parameter;
    }

    /// <summary>Takes over a tensor that is kept from step to step.</summary>
    protected Tensor AddState(string name, Tensor value)
    {
        _state.Add(name, value.DetachFromDisposeScope());
        return value;
    }

    /// <summary>The input as the encoder sees it, before its bias: the norm, undone later.</summary>
    internal NormedInput Normed(Tensor x) => NormedInput.Of(Common.InputNorm, x);

    /// <summary>The bias that is subtracted from the input; null where nothing is.</summary>
    internal Tensor? InputBias => Common.InputBias switch
    {
        BiasUse.Tied => Bias,
        BiasUse.Separate => OwnInputBias,
        _ => null,
    };

    /// <summary>What the encoder multiplies: norm(x) − b_in.</summary>
    internal Tensor Centred(NormedInput normed) => InputBias is { } bias ? normed.Value - bias : normed.Value;

    /// <summary>(norm(x) − b_in)·W_enc, without the encoder's bias: [n, F].</summary>
    internal Tensor Products(NormedInput normed) => Centred(normed).matmul(Encoder.t());

    /// <summary>The complete prediction of decoded codes f·W_dec + b: skip added, norm undone.</summary>
    internal Tensor Complete(Tensor decoded, NormedInput normed, Tensor x) =>
        normed.Undo(SkipMap is { } skip ? decoded + x.matmul(skip.t()) : decoded);

    /// <summary>The reconstruction loss of a prediction.</summary>
    internal Tensor Distance(Tensor prediction, Tensor target) => Common.Reconstruction.Loss(prediction, target, MseScale);

    /// <summary>
    /// Length of what each feature writes: [F], differentiable. Over several sites the lengths at each are added, which lets a feature live at
    /// few of them (crosscoders).
    /// </summary>
    internal Tensor WrittenLengths()
    {
        if (Shape.Outputs.Count == 1) return Decoder.norm(1);
        Tensor? sum = null;
        long start = 0;
        foreach (var width in Shape.Outputs)
        {
            var length = Decoder.narrow(1, start, width).norm(1);
            (sum, start) = (sum is null ? length : sum + length, start + width);
        }
        return sum!;
    }

    /// <summary>Copies of the weights for a frozen coder; called within a scope, without gradients.</summary>
    protected CoderWeights CopyWeights() => new()
    {
        Encoder = Encoder.detach().clone(),
        EncoderBias = EncoderBias.detach().clone(),
        Decoder = Decoder.detach().clone(),
        OutputBias = Bias.detach().clone(),
        InputBias = InputBias?.detach().clone(),
        Skip = SkipMap?.detach().clone(),
        Norm = Common.InputNorm,
        UndoCoversSkip = true,
    };

    private Tensor Centre(Tensor rows) => Common.Start.Bias == StartBias.Mean ? Normed(rows).Value.mean([0]) : GeometricMedian.Of(Normed(rows).Value);
}
