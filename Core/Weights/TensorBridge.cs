using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Between stored tensors and native ones. Bytes go straight into the tensor's memory; nothing is held twice.</summary>
public static class TensorBridge
{
    /// <summary>The native type that holds a stored type; float8 widens to float32, unsigned 16-64 bit integers to int64.</summary>
    public static ScalarType NativeType(this StoredType type) => type switch
    {
        StoredType.BOOL => ScalarType.Bool,
        StoredType.U8 => ScalarType.Byte,
        StoredType.I8 => ScalarType.Int8,
        StoredType.I16 => ScalarType.Int16,
        StoredType.I32 => ScalarType.Int32,
        StoredType.I64 => ScalarType.Int64,
        StoredType.F16 => ScalarType.Float16,
        StoredType.BF16 => ScalarType.BFloat16,
        StoredType.F32 or StoredType.F8_E4M3 or StoredType.F8_E5M2 or StoredType.F8_E8M0 => ScalarType.Float32,
        StoredType.F64 => ScalarType.Float64,
        StoredType.U16 or StoredType.U32 or StoredType.U64 => ScalarType.Int64,
        _ => throw new CheckpointException($"Tensors of type {type} have no native counterpart here."),
    };

    /// <summary>The stored type of a native one.</summary>
    public static StoredType Stored(this ScalarType type) => type switch
    {
        ScalarType.Bool => StoredType.BOOL,
        ScalarType.Byte => StoredType.U8,
        ScalarType.Int8 => StoredType.I8,
        ScalarType.Int16 => StoredType.I16,
        ScalarType.Int32 => StoredType.I32,
        ScalarType.Int64 => StoredType.I64,
        ScalarType.Float16 => StoredType.F16,
        ScalarType.BFloat16 => StoredType.BF16,
        ScalarType.Float32 => StoredType.F32,
        ScalarType.Float64 => StoredType.F64,
        _ => throw new PrismaException($"Tensors of type {type} cannot be stored."),
    };

    /// <summary>A new native tensor with the stored values, widened where no native type fits. The caller (or its scope) disposes it.</summary>
    public static Tensor ToTensor(this StoredTensor stored)
    {
        var type = stored.Type.NativeType();
        var native = empty([.. stored.Shape], type);
        if (stored.Count == 0) return native;
        if (type.Stored() == stored.Type)
            stored.CopyTo(Extras.Memory(native));
        else if (type == ScalarType.Float32)
            native.data<float>().CopyFrom([.. stored.ToDoubles().Select(value => (float)value)]);
        else
            native.data<long>().CopyFrom([.. stored.ToDoubles().Select(value => (long)value)]);
        return native;
    }

    /// <summary>Fills a contiguous part of a native tensor with the stored values, converted if the types differ.</summary>
    /// <exception cref="ShapeException">The numbers of values differ.</exception>
    public static void ReadInto(this StoredTensor stored, Tensor target)
    {
        if (stored.Count != target.numel())
            throw new ShapeException($"Tensor '{stored.Name}' [{string.Join(", ", stored.Shape)}] does not fill [{string.Join(", ", target.shape)}].");
        if (target.is_contiguous() && stored.Type.NativeType() == target.dtype && target.dtype.Stored() == stored.Type)
        {
            stored.CopyTo(Extras.Memory(target));
            return;
        }
        using var scope = NewDisposeScope();
        target.copy_(stored.ToTensor().reshape(target.shape));
    }

    /// <summary>A stored tensor with a copy of a native one's values, for writing.</summary>
    public static StoredTensor ToStored(this Tensor native, string name)
    {
        using var scope = NewDisposeScope();
        var dense = native.detach().cpu().contiguous();
        var type = dense.dtype.Stored();
        return new StoredTensor(name, type, TensorLayout.Contiguous(name, dense.shape), new MemoryBytes(name, Extras.Memory(dense).ToArray()));
    }
}
