namespace Prisma.Core;

/// <summary>numpy's type strings: byte order, kind, bytes per element, as in <c>&lt;f4</c>.</summary>
internal static class NumpyTypes
{
    public static (StoredType Type, bool BigEndian) Parse(string what, string text)
    {
        var order = text.Length > 0 && text[0] is '<' or '>' or '|' or '=' ? text[0] : '=';
        var code = text.TrimStart('<', '>', '|', '=');
        StoredType type = code switch
        {
            "b1" or "?" => StoredType.BOOL,
            "u1" => StoredType.U8,
            "i1" => StoredType.I8,
            "u2" => StoredType.U16,
            "i2" => StoredType.I16,
            "u4" => StoredType.U32,
            "i4" => StoredType.I32,
            "u8" => StoredType.U64,
            "i8" => StoredType.I64,
            "f2" => StoredType.F16,
            "f4" => StoredType.F32,
            "f8" => StoredType.F64,
            "c8" => StoredType.C64,
            "c16" => StoredType.C128,
            _ when code.StartsWith('O') => throw new CheckpointException($"{what} holds Python objects, which are never executed. Save numbers only."),
            _ when code.StartsWith('V') => throw new CheckpointException($"{what} has the numpy type '{text}' (raw bytes; numpy writes bfloat16 so, but also others). Save it as float32."),
            _ => throw new CheckpointException($"{what} has the numpy type '{text}', which is not a number type that is supported."),
        };
        return (type, order == '>');
    }
}
