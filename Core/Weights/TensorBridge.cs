using System.Runtime.InteropServices;
using Prisma.Engine;
using TorchSharp;
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
        StoredType.C64 => ScalarType.ComplexFloat32,
        StoredType.C128 => ScalarType.ComplexFloat64,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
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
        ScalarType.ComplexFloat32 => StoredType.C64,
        ScalarType.ComplexFloat64 => StoredType.C128,
        _ => throw new PrismaException($"Tensors of type {type} cannot be stored."),
    };

    /// <summary>
    /// A new native tensor with the stored values, row-major, widened where no native type fits. They are read straight into its memory, large
    /// ones by several threads. The caller (or its scope) disposes it.
    /// </summary>
    /// <exception cref="CheckpointException">The file cannot be read, has shrunk since it was opened, or a number does not fit.</exception>
    public static Tensor ToTensor(this StoredTensor stored)
    {
        stored.CheckRepetition();
        var native = empty([.. stored.Shape], stored.Type.NativeType());
        try
        {
            Fill(native, stored);
            return native;
        }
        catch
        {
            native.Dispose();
            throw;
        }
    }

    /// <summary>Fills a native tensor, or a contiguous part of one, with the stored values, converted if the types differ.</summary>
    /// <exception cref="ShapeException">The numbers of values differ.</exception>
    /// <exception cref="CheckpointException">The file cannot be read, has shrunk since it was opened, or a number does not fit.</exception>
    public static void ReadInto(this StoredTensor stored, Tensor target)
    {
        if (stored.Count != target.numel())
            throw new ShapeException($"Tensor '{stored.Name}' [{string.Join(", ", stored.Shape)}] does not fill [{string.Join(", ", target.shape)}].");
        if (target.is_contiguous() && target.device_type == DeviceType.CPU && stored.Type.NativeType() == target.dtype)
        {
            Fill(target, stored);
            return;
        }
        using var scope = NewDisposeScope();
        target.copy_(stored.ToTensor().reshape(target.shape));
    }

    /// <summary>
    /// A native tensor as a stored one, for writing. The memory of a contiguous CPU tensor is borrowed: it must live until the writing is done;
    /// others are copied.
    /// </summary>
    public static StoredTensor ToStored(this Tensor native, string name)
    {
        var type = native.dtype.Stored();
        var layout = TensorLayout.Contiguous(name, native.shape);
        if (native.is_contiguous() && native.device_type == DeviceType.CPU) return new StoredTensor(name, type, layout, new TensorBytes(name, native));
        using var scope = NewDisposeScope();
        return new StoredTensor(name, type, layout, new MemoryBytes(name, Extras.Memory(native.detach().cpu().contiguous()).ToArray()));
    }

    // The target is contiguous, on the CPU and of the type's native counterpart.
    private static void Fill(Tensor target, StoredTensor stored)
    {
        if (stored.Count == 0) return;
        if (target.dtype.Stored() != stored.Type) Widen(target, stored);
        else if (stored.IsContiguous) Read(target, stored);
        else if (stored.Layout.StorageOrder() is { } order) ReadPermuted(target, stored, order);
        else stored.CopyTo(Extras.Memory(target));
    }

    private static void Read(Tensor target, StoredTensor stored)
    {
        const int Piece = 8 << 20;
        var pieces = (stored.ByteCount + Piece - 1) / Piece;
        var threads = stored.Storage.RandomAccess ? (int)Math.Min(pieces, Math.Min(4, Environment.ProcessorCount)) : 1;
        try
        {
            Parallel.For(0, pieces, new ParallelOptions { MaxDegreeOfParallelism = threads }, piece =>
            {
                var start = piece * Piece;
                stored.ReadPiece(start, Extras.Memory(target, start, (int)Math.Min(Piece, stored.ByteCount - start)));
            });
        }
        catch (AggregateException e) when (e.InnerExceptions[0] is CheckpointException first)
        {
            throw new CheckpointException(first.Message, e);
        }
    }

    // A transposed matrix and its like: read as it lies, then rearranged by libtorch.
    private static void ReadPermuted(Tensor target, StoredTensor stored, int[] order)
    {
        using var scope = NewDisposeScope();
        var shape = stored.Layout.Shape;
        var asItLies = new StoredTensor(stored.Name, stored.Type, TensorLayout.Contiguous(stored.Name, [.. order.Select(axis => shape[axis])], stored.Layout.Offset), stored.Storage, stored.BigEndian);
        var back = new long[order.Length];
        for (var i = 0; i < order.Length; i++) back[order[i]] = i;
        target.view(shape).copy_(asItLies.ToTensor().permute(back));
    }

    private static void Widen(Tensor target, StoredTensor stored)
    {
        var bytes = stored.ToBytes();
        var item = stored.Type.ItemSize();
        if (target.dtype == ScalarType.Float32)
        {
            var floats = MemoryMarshal.Cast<byte, float>(Extras.Memory(target));
            for (var i = 0; i < floats.Length; i++) floats[i] = (float)stored.Type.ToDouble(bytes.AsSpan(i, 1));
            return;
        }
        var longs = MemoryMarshal.Cast<byte, long>(Extras.Memory(target));
        for (var i = 0; i < longs.Length; i++)
        {
            var value = stored.Type.ToUInt64(bytes.AsSpan(i * item, item));
            longs[i] = value <= long.MaxValue ? (long)value : throw new CheckpointException($"{stored.Storage.Label}: tensor '{stored.Name}' holds {value}, beyond 63 bits.");
        }
    }
}
