namespace Prisma.Diffusion;

/// <summary>The name by which configurations call a scheduler.</summary>
/// <param name="name">diffusers' class name.</param>
[AttributeUsage(AttributeTargets.Class, Inherited = false)]
public sealed class SchedulerAttribute(string name) : Attribute
{
    /// <summary>diffusers' class name.</summary>
    public string Name { get; } = name;
}
