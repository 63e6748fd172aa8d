using Prisma.Core;

namespace Prisma.Sae;

/// <summary>The layouts that coders can be written in.</summary>
public static class CoderWriters
{
    /// <summary>All writers of this library, by name.</summary>
    public static IReadOnlyList<CoderWriter> All { get; } = [.. typeof(CoderWriter).Assembly.GetTypes()
        .Where(type => type.IsSubclassOf(typeof(CoderWriter)) && !type.IsAbstract)
        .Select(type => (CoderWriter)Activator.CreateInstance(type)!)
        .OrderBy(writer => writer.Name, StringComparer.Ordinal)];

    /// <summary>The writer of a name.</summary>
    /// <exception cref="OptionsException">There is none; the message lists them.</exception>
    public static CoderWriter Named(string name) => All.FirstOrDefault(writer => writer.Name == name)
        ?? throw new OptionsException($"There is no layout '{name}' to write. There are: {string.Join(", ", All.Select(writer => writer.Name))}.");
}
