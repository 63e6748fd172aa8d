using System.Runtime.InteropServices;
using Prisma.Engine;

namespace TorchSharp;

/// <summary>The subset of TorchSharp's <c>torch</c> that Prisma.Net uses, over the system's libtorch.</summary>
public static partial class torch
{
    public static ScalarType @bool = ScalarType.Bool;
    public static ScalarType uint8 = ScalarType.Byte;
    public static ScalarType int8 = ScalarType.Int8;
    public static ScalarType int16 = ScalarType.Int16;
    public static ScalarType int32 = ScalarType.Int32;
    public static ScalarType int64 = ScalarType.Int64;
    public static ScalarType bfloat16 = ScalarType.BFloat16;
    public static ScalarType float16 = ScalarType.Float16;
    public static ScalarType float32 = ScalarType.Float32;
    public static ScalarType float64 = ScalarType.Float64;

    public enum ScalarType : sbyte
    {
        Byte = 0,
        Int8 = 1,
        Int16 = 2,
        Int32 = 3,
        Int64 = 4,
        Float16 = 5,
        Float32 = 6,
        Float64 = 7,
        ComplexFloat32 = 9,
        ComplexFloat64 = 10,
        Bool = 11,
        QInt8 = 12,
        QUInt8 = 13,
        QInt32 = 14,
        BFloat16 = 15,
    }

    public enum InterpolationMode
    {
        Nearest = 0,
        Linear = 1,
        Bilinear = 2,
        Bicubic = 3,
        Trilinear = 4,
        Area = 5,
        NearestExact = 6,
    }

    /// <summary>The version of the libtorch in use, such as "1.13.1".</summary>
    public static string __version__ => Marshal.PtrToStringUTF8(NativeTorch.prisma_torch_version()) ?? "";

    public static DisposeScope? CurrentDisposeScope => DisposeScopeManager.Current;

    public static DisposeScope NewDisposeScope() => DisposeScopeManager.Open();

    public static bool is_floating_point(ScalarType type) =>
        type is ScalarType.Float16 or ScalarType.Float32 or ScalarType.Float64 or ScalarType.BFloat16;

    public static int get_num_threads() => NativeTorch.prisma_get_num_threads();

    public static void set_num_threads(int num) => NativeTorch.Check(NativeTorch.prisma_set_num_threads(num), "set_num_threads");

    public static int get_num_interop_threads() => NativeTorch.prisma_get_num_interop_threads();

    public static void set_num_interop_threads(int num) =>
        NativeTorch.Check(NativeTorch.prisma_set_num_interop_threads(num), "set_num_interop_threads");

    public static Generator manual_seed(long seed)
    {
        NativeTorch.Check(NativeTorch.prisma_manual_seed(seed), "manual_seed");
        return Generator.Default;
    }
}
