namespace Prisma.Sae;

/// <summary>Names an architecture in configurations. The class has one constructor (<see cref="CoderShape"/>, its options, seed).</summary>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class TrainedArchitectureAttribute(string name) : Attribute
{
    /// <summary>The name: <c>topk</c>.</summary>
    public string Name => name;
}
