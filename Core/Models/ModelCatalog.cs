using System.Reflection;
using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>The families found in a set of assemblies; picks the one that claims a folder.</summary>
public sealed class ModelCatalog
{
    /// <summary>Finds every concrete family in the assemblies.</summary>
    public ModelCatalog(params IEnumerable<Assembly> assemblies) : this(
        assemblies.SelectMany(assembly => assembly.GetTypes())
            .Where(type => type.IsSubclassOf(typeof(ModelFamily)) && !type.IsAbstract)
            .Select(type => (ModelFamily)Activator.CreateInstance(type)!))
    { }

    private ModelCatalog(IEnumerable<ModelFamily> families) => Families = [.. families.OrderBy(family => family.Name, StringComparer.Ordinal)];

    /// <summary>All families, by name.</summary>
    public IReadOnlyList<ModelFamily> Families { get; }

    /// <summary>The same catalog with a family of one's own.</summary>
    public ModelCatalog With(ModelFamily family) => new(Families.Append(family));

    /// <summary>Loads a folder by the one family that claims it, or by the named one.</summary>
    /// <exception cref="CheckpointException">None claims it, several do, or the folder does not fit.</exception>
    public HookedModel Load(string path, string? family = null, ScalarType dtype = ScalarType.Float32)
    {
        var (found, folder) = Open(path, family);
        return found.Load(folder, dtype);
    }

    /// <summary>The model that a folder's configuration describes, without weights.</summary>
    /// <exception cref="CheckpointException">No family claims it, several do, or the configuration does not fit.</exception>
    public HookedModel Outline(string path, string? family = null)
    {
        var (found, folder) = Open(path, family);
        return found.Outline(folder);
    }

    // Where a folder has two configurations, a family that was named takes its own.
    private (ModelFamily Family, ModelFolder Folder) Open(string path, string? name)
    {
        var folder = ModelFolder.Open(path);
        var family = Find(folder, name);
        return name is not null && !family.Claims(folder) && folder.Other() is { } other && family.Claims(other) ? (family, other) : (family, folder);
    }

    private ModelFamily Find(ModelFolder folder, string? name)
    {
        if (name is not null)
            return Families.FirstOrDefault(family => family.Name == name)
                ?? throw new OptionsException($"There is no family '{name}'. Known: {string.Join(", ", Families.Select(family => family.Name))}.");
        var claiming = Families.Where(family => family.Claims(folder)).ToList();
        return claiming.Count switch
        {
            1 => claiming[0],
            0 => throw new CheckpointException(
                $"No family knows '{folder.Path}' ({folder.ConfigFile}: model_type '{folder.ModelType}', architecture '{folder.Architecture}'). "
                + $"Known: {string.Join(", ", Families.Select(family => family.Name))}; --family chooses one by name."),
            _ => throw new CheckpointException(
                $"Several families claim '{folder.Path}': {string.Join(", ", claiming.Select(family => family.Name))}. Choose one with --family."),
        };
    }
}
