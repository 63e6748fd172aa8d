using System.Reflection;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>The architectures that can be trained, found by their attribute.</summary>
public sealed class ArchitectureCatalog
{
    private readonly SortedDictionary<string, (ConstructorInfo Make, Type Options)> _known = new(StringComparer.Ordinal);

    /// <summary>Finds every trained architecture in the assemblies.</summary>
    public ArchitectureCatalog(params IEnumerable<Assembly> assemblies)
    {
        foreach (var type in assemblies.SelectMany(assembly => assembly.GetTypes()))
        {
            if (type.GetCustomAttribute<TrainedArchitectureAttribute>() is not { } named) continue;
            var make = type.GetConstructors().Single();
            _known.Add(named.Name, (make, make.GetParameters()[1].ParameterType));
        }
    }

    /// <summary>The architectures of this library.</summary>
    public static ArchitectureCatalog Default { get; } = new(typeof(ArchitectureCatalog).Assembly);

    /// <summary>All names.</summary>
    public IEnumerable<string> Names => _known.Keys;

    /// <summary>The type of an architecture's options.</summary>
    /// <exception cref="OptionsException">There is no such architecture.</exception>
    public Type OptionsOf(string architecture) => Find(architecture).Options;

    /// <summary>A coder with random weights. The caller disposes it.</summary>
    /// <exception cref="OptionsException">There is no such architecture, or the settings do not work.</exception>
    public TrainableCoder Create(CoderSettings settings, CoderShape shape, long seed)
    {
        ArgumentNullException.ThrowIfNull(settings);
        settings.Validate(shape);
        return (TrainableCoder)Find(settings.Architecture).Make.Invoke(BindingFlags.DoNotWrapExceptions, null, [shape, settings.Options, seed], null);
    }

    private (ConstructorInfo Make, Type Options) Find(string architecture) => _known.TryGetValue(architecture, out var found)
        ? found
        : throw new OptionsException($"There is no architecture '{architecture}'. Known: {string.Join(", ", _known.Keys)}.");
}
