namespace Prisma.Core;

/// <summary>A numpy dtype inside a pickle; its byte order arrives as state.</summary>
internal sealed class NumpyDtype(string code) : PickleValue
{
    public string Code { get; } = code;

    public string Order { get; set; } = "=";

    public override string Kind => $"the numpy dtype {Order}{Code}";

    public (StoredType Type, bool BigEndian) Resolve(string what) => NumpyTypes.Parse(what, Order + Code);
}
