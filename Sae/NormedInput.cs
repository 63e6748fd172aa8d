using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Normalised vectors and how to go back. Borrowed from the scope in which they were made.</summary>
internal readonly struct NormedInput
{
    private const double Epsilon = 1e-5;

    private readonly Tensor? _scale;
    private readonly Tensor? _shift;

    private NormedInput(Tensor value, Tensor? scale = null, Tensor? shift = null) => (Value, _scale, _shift) = (value, scale, shift);

    /// <summary>[rows, d].</summary>
    internal Tensor Value { get; }

    /// <summary>Normalises rows [rows, d]; makes tensors in the current scope.</summary>
    internal static NormedInput Of(InputNorm norm, Tensor x)
    {
        switch (norm)
        {
            case InputNorm.None:
                return new NormedInput(x);
            case InputNorm.LayerNorm:
                var mean = x.mean([-1], keepdim: true);
                var centred = x - mean;
                var std = centred.std(-1, keepdim: true);
                return new NormedInput(centred / (std + Epsilon), std, mean);
            case InputNorm.ConstantNorm:
                var scale = x.norm(-1, keepdim: true) / Math.Sqrt(x.shape[^1]);
                return new NormedInput(x / scale.clamp_min(1e-30), scale);
            default:
                throw new ArgumentOutOfRangeException(nameof(norm), norm, null);
        }
    }

    /// <summary>A prediction back in the units of the input.</summary>
    internal Tensor Undo(Tensor y)
    {
        var scaled = UndoScale(y);
        return _shift is null ? scaled : scaled + _shift;
    }

    /// <summary>A difference of predictions back in the units of the input.</summary>
    internal Tensor UndoScale(Tensor change) => _scale is null ? change : change * _scale;
}
