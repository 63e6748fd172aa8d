namespace Prisma.Core;

/// <summary>PyTorch's names of storages and dtypes.</summary>
internal static class TorchTypes
{
    private static readonly Dictionary<string, StoredType> Storages = new()
    {
        ["DoubleStorage"] = StoredType.F64,
        ["FloatStorage"] = StoredType.F32,
        ["HalfStorage"] = StoredType.F16,
        ["BFloat16Storage"] = StoredType.BF16,
        ["LongStorage"] = StoredType.I64,
        ["IntStorage"] = StoredType.I32,
        ["ShortStorage"] = StoredType.I16,
        ["CharStorage"] = StoredType.I8,
        ["ByteStorage"] = StoredType.U8,
        ["BoolStorage"] = StoredType.BOOL,
        ["ComplexFloatStorage"] = StoredType.C64,
        ["ComplexDoubleStorage"] = StoredType.C128,
        ["UntypedStorage"] = StoredType.U8,
    };

    private static readonly Dictionary<string, StoredType> Dtypes = new()
    {
        ["float64"] = StoredType.F64,
        ["double"] = StoredType.F64,
        ["float32"] = StoredType.F32,
        ["float"] = StoredType.F32,
        ["float16"] = StoredType.F16,
        ["half"] = StoredType.F16,
        ["bfloat16"] = StoredType.BF16,
        ["int64"] = StoredType.I64,
        ["long"] = StoredType.I64,
        ["int32"] = StoredType.I32,
        ["int"] = StoredType.I32,
        ["int16"] = StoredType.I16,
        ["short"] = StoredType.I16,
        ["int8"] = StoredType.I8,
        ["uint8"] = StoredType.U8,
        ["uint16"] = StoredType.U16,
        ["uint32"] = StoredType.U32,
        ["uint64"] = StoredType.U64,
        ["bool"] = StoredType.BOOL,
        ["complex64"] = StoredType.C64,
        ["complex128"] = StoredType.C128,
        ["float8_e4m3fn"] = StoredType.F8_E4M3,
        ["float8_e5m2"] = StoredType.F8_E5M2,
        ["float8_e8m0fnu"] = StoredType.F8_E8M0,
    };

    /// <summary>The element type of a storage class such as <c>torch.FloatStorage</c>.</summary>
    public static StoredType OfStorage(string file, PickleName name) =>
        name.Module is "torch" or "torch.cuda" or "torch.storage" && Storages.TryGetValue(name.Name, out var type)
            ? type
            : throw new CheckpointException($"'{file}': storages of the type {name} are not supported.");

    /// <summary>The element type of a dtype such as <c>torch.float32</c>.</summary>
    public static StoredType OfDtype(string file, PickleName name) =>
        name.Module == "torch" && Dtypes.TryGetValue(name.Name, out var type)
            ? type
            : throw new CheckpointException($"'{file}': tensors of the type {name} are not supported.");
}
