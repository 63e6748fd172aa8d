using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// What the encoders and decoders of all architectures share, in row vectors: products = (norm(x) − b_in)·W_enc and
/// x̂ = undo(f·W_dec + b_out [+ x·W_skipᵀ]). Feature rows are contiguous: W_enc is stored as [F, d_in]. A <see cref="Coder"/> takes it over.
/// </summary>
public sealed class CoderWeights
{
    /// <summary>W_encᵀ: [F, d_in].</summary>
    public required Tensor Encoder { get; init; }

    /// <summary>b_enc: [F]; zeros where the architecture has biases of its own.</summary>
    public required Tensor EncoderBias { get; init; }

    /// <summary>W_dec: [F, d_out].</summary>
    public required Tensor Decoder { get; init; }

    /// <summary>Added to the prediction: [d_out].</summary>
    public required Tensor OutputBias { get; init; }

    /// <summary>Subtracted from the (normalised) input: [d_in]; null where nothing is.</summary>
    public Tensor? InputBias { get; init; }

    /// <summary>W_skip, used as x·W_skipᵀ with the raw input: [d_out, d_in]; null without a skip connection.</summary>
    public Tensor? Skip { get; init; }

    /// <summary>What is done to the input and undone on the prediction.</summary>
    public InputNorm Norm { get; init; } = InputNorm.None;

    /// <summary>Whether the normalisation is undone on the sum of decoded and skipped (ViT-Prisma), or on the decoded part alone.</summary>
    public bool UndoCoversSkip { get; init; }

    /// <summary>Whether the encoder reads the raw input although the prediction is scaled back (ViT-Prisma 2.0.0).</summary>
    public bool EncodesRaw { get; init; }

    /// <summary>
    /// By what codes are multiplied to compare features of different written length: [F]; null where codes are compared as they are. Coders
    /// that keep the largest rank by it; the values they keep are not multiplied.
    /// </summary>
    public Tensor? CodeNorms { get; init; }

    /// <summary>Codes are bent to cap·tanh(f / cap) after selection; null where they are not.</summary>
    public double? SoftCap { get; init; }

    /// <summary>W_enc as the papers write it: [d_in, F], a view. Borrowed.</summary>
    public Tensor EncoderTransposed => Encoder.t();

    internal int Features => checked((int)Encoder.shape[0]);

    internal int Inputs => checked((int)Encoder.shape[1]);

    internal int Outputs => checked((int)Decoder.shape[1]);

    private IEnumerable<Tensor> All => new[] { Encoder, EncoderBias, Decoder, OutputBias, InputBias, Skip, CodeNorms }.OfType<Tensor>();

    /// <summary>
    /// The same coder with unit decoder rows, encoder rows and biases scaled in return: the same prediction, codes in units of the written
    /// length. Also the old norms [F], by which further biases and thresholds have to be multiplied.
    /// </summary>
    internal (CoderWeights Folded, Tensor Norms) FoldDecoderNorms()
    {
        var norms = Decoder.norm(1);
        norms = norms.masked_fill(norms.eq(0), 1);
        return (MoveLengths(norms), norms);
    }

    /// <summary>The same coder with decoder rows divided by lengths [F], none of them zero, and encoder rows and biases multiplied.</summary>
    internal CoderWeights MoveLengths(Tensor lengths) =>
        With(encoder: Encoder * lengths.unsqueeze(1), encoderBias: EncoderBias * lengths, decoder: Decoder / lengths.unsqueeze(1));

    /// <summary>The same coder with decoder rows multiplied by factors [F].</summary>
    internal CoderWeights ScaleDecoder(Tensor factors) => With(decoder: Decoder * factors.unsqueeze(1));

    /// <summary>The same coder with encoder rows multiplied by a number; biases stay.</summary>
    internal CoderWeights ScaleEncoder(double factor) => With(encoder: Encoder * factor);

    /// <summary>A coder of x·s as a coder of x: codes stay, the prediction is divided by s.</summary>
    internal CoderWeights FoldInputScale(double s) => With(
        encoder: Encoder * s, decoder: Decoder / s, outputBias: OutputBias / s, inputBias: InputBias is { } bias ? bias / s : null);

    /// <summary>
    /// A coder of (x − shift)·scale, whose prediction is brought back as ŷ·scaleOut + shiftOut, as a coder of x. Codes stay. Scales and shifts
    /// broadcast with [d_in] and [d_out].
    /// </summary>
    internal CoderWeights FoldAffine(Tensor scale, Tensor shift, Tensor scaleOut, Tensor shiftOut) => With(
        encoder: Encoder * scale,
        decoder: Decoder * scaleOut,
        outputBias: OutputBias * scaleOut + shiftOut,
        inputBias: InputBias is { } bias ? bias / scale + shift : shift.expand(Inputs).clone());

    /// <summary>
    /// What has to be added to products with the encoder where another bias is subtracted from the input than here: W_enc·(other − own), [F].
    /// Null where both are the same bits.
    /// </summary>
    internal Tensor? ShiftFor(Tensor? inputBias)
    {
        if (InputBias is null && inputBias is null || InputBias is not null && inputBias is not null && InputBias.Equals(inputBias)) return null;
        using var scope = NewDisposeScope();
        // In double precision: the biases may nearly cancel.
        var difference = (inputBias ?? zeros(Inputs)).to(ScalarType.Float64) - (InputBias ?? zeros(Inputs)).to(ScalarType.Float64);
        return Encoder.to(ScalarType.Float64).matmul(difference.unsqueeze(1)).squeeze(1).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>Takes the tensors out of every scope, dense and in float32, and checks that their sizes agree.</summary>
    /// <exception cref="ShapeException">They do not.</exception>
    internal void Keep(string owner)
    {
        long features = Features, inputs = Inputs, outputs = Outputs;
        Check(owner, "b_enc", EncoderBias, features);
        Check(owner, "W_dec", Decoder, features, outputs);
        Check(owner, "the output bias", OutputBias, outputs);
        if (InputBias is not null) Check(owner, "the input bias", InputBias, inputs);
        if (CodeNorms is not null) Check(owner, "the code norms", CodeNorms, features);
        if (Skip is not null) Check(owner, "W_skip", Skip, outputs, inputs);
        foreach (var tensor in All)
        {
            if (tensor.dtype != ScalarType.Float32 || !tensor.is_contiguous())
                throw new ShapeException($"{owner}: weights must be dense float32; one is {tensor}.");
            tensor.DetachFromDisposeScope();
        }
    }

    internal void Dispose()
    {
        foreach (var tensor in All) tensor.Dispose();
    }

    private CoderWeights With(
        Tensor? encoder = null, Tensor? encoderBias = null, Tensor? decoder = null, Tensor? outputBias = null, Tensor? inputBias = null) => new()
        {
            Encoder = encoder ?? Encoder,
            EncoderBias = encoderBias ?? EncoderBias,
            Decoder = decoder ?? Decoder,
            OutputBias = outputBias ?? OutputBias,
            InputBias = inputBias ?? InputBias,
            Skip = Skip,
            Norm = Norm,
            UndoCoversSkip = UndoCoversSkip,
            EncodesRaw = EncodesRaw,
            CodeNorms = CodeNorms,
            SoftCap = SoftCap,
        };

    private static void Check(string owner, string name, Tensor tensor, params long[] shape)
    {
        if (!tensor.shape.AsSpan().SequenceEqual(shape))
            throw new ShapeException($"{owner}: {name} is [{string.Join(", ", tensor.shape)}], [{string.Join(", ", shape)}] fits the other weights.");
    }
}
