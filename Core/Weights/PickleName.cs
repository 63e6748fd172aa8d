namespace Prisma.Core;

/// <summary>A class, function or dtype, by name only: it is never looked up.</summary>
public sealed class PickleName : PickleValue
{
    internal PickleName(string module, string name)
    {
        Module = module;
        Name = name;
    }

    /// <summary>The module, as in <c>torch</c>.</summary>
    public string Module { get; }

    /// <summary>The name in it, as in <c>float32</c>.</summary>
    public string Name { get; }

    /// <inheritdoc/>
    public override string Kind => $"the name {this}";

    /// <summary>Both joined by a dot.</summary>
    public override string ToString() => $"{Module}.{Name}";
}
