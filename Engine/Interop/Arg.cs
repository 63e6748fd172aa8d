using TorchSharp;

namespace Prisma.Engine;

/// <summary>A managed argument of an operator; <see cref="Op"/> pins and flattens it. Null tensors and omitted options become None.</summary>
internal readonly struct Arg
{
    private Arg(ValueTag tag, long bits, object? reference = null) => (Tag, Bits, Reference) = (tag, bits, reference);

    internal ValueTag Tag { get; }
    internal long Bits { get; }
    internal object? Reference { get; }

    internal static Arg Default => default;
    internal static Arg None => new(ValueTag.None, 0);

    internal static Arg Optional(IReadOnlyList<torch.Tensor?> tensors) => new(ValueTag.OptionalTensorList, 0, tensors);

    public static implicit operator Arg(torch.Tensor? value) => value is null ? None : new(ValueTag.Tensor, 0, value);
    public static implicit operator Arg(long value) => new(ValueTag.Int, value);
    public static implicit operator Arg(long? value) => value is { } v ? v : None;
    public static implicit operator Arg(double value) => new(ValueTag.Double, BitConverter.DoubleToInt64Bits(value));
    public static implicit operator Arg(double? value) => value is { } v ? v : None;
    public static implicit operator Arg(bool value) => new(ValueTag.Bool, value ? 1 : 0);
    public static implicit operator Arg(string? value) => value is null ? None : new(ValueTag.String, 0, value);
    public static implicit operator Arg(long[]? value) => value is null ? None : new(ValueTag.IntList, 0, value);
    public static implicit operator Arg(double[]? value) => value is null ? None : new(ValueTag.DoubleList, 0, value);
    public static implicit operator Arg(torch.Tensor[] value) => new(ValueTag.TensorList, 0, value);
    public static implicit operator Arg(torch.ScalarType? value) => value is { } v ? (long)v : None;
    public static implicit operator Arg(torch.ScalarType value) => (long)value;
    public static implicit operator Arg(torch.Device? value) => value is null ? None : new(ValueTag.Device, value.Packed);
    public static implicit operator Arg(torch.Generator? value) => value is null ? None : new(ValueTag.Generator, value.Handle);
    public static implicit operator Arg(Scalar? value) => value?.AsArg() ?? None;
}
