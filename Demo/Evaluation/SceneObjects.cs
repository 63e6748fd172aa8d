using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>
/// Objects of scenes, one row each: activations and codes pooled over the patches that the object covers. Each row has one shape, one colour
/// and one texture, which a whole scene has not. Owns its tensors.
/// </summary>
internal sealed class SceneObjects : IDisposable
{
    private readonly List<Tensor> _activations = [], _codes = [];
    private readonly List<SceneObject> _objects = [];
    private PooledData? _data;

    internal PooledData Data => _data ??= Joined();

    internal IReadOnlyList<SceneObject> Objects => _objects;

    internal IReadOnlyList<int> Shapes => [.. _objects.Select(item => (int)item.Shape)];

    internal IReadOnlyList<int> Colours => [.. _objects.Select(item => (int)item.Colour)];

    internal IReadOnlyList<int> Textures => [.. _objects.Select(item => (int)item.Texture)];

    /// <summary>Adds the objects of scenes.</summary>
    /// <param name="scenes">B scenes.</param>
    /// <param name="patches">What the coder reads on their patches: [B, grid², d].</param>
    /// <param name="codes">Its codes there: [B · grid², F].</param>
    /// <param name="grid">Patches per side.</param>
    internal void Add(IReadOnlyList<Scene> scenes, Tensor patches, Codes codes, int grid)
    {
        using var scope = NewDisposeScope();
        var cells = grid * grid;
        var pooling = new List<float>();
        for (var k = 0; k < scenes.Count; k++)
        {
            var owners = SceneConcepts.Owners(scenes[k], grid);
            for (var item = 0; item < scenes[k].Objects.Count; item++)
            {
                var size = owners.Count(owner => owner == item);
                if (size == 0) continue;
                _objects.Add(scenes[k].Objects[item]);
                for (var scene = 0; scene < scenes.Count; scene++)
                    for (var cell = 0; cell < cells; cell++) pooling.Add(scene == k && owners[cell] == item ? 1f / size : 0);
            }
        }
        var rows = scenes.Count * cells;
        if (pooling.Count == 0) return;
        var mean = tensor([.. pooling], [pooling.Count / rows, rows]);
        _activations.Add(mean.matmul(patches.reshape(rows, -1).to(float32)).DetachFromDisposeScope());
        _codes.Add(mean.matmul(codes.ToDense()).DetachFromDisposeScope());
    }

    public void Dispose()
    {
        foreach (var tensor in _activations.Concat(_codes)) tensor.Dispose();
        _data?.Dispose();
    }

    private PooledData Joined()
    {
        if (_objects.Count == 0) throw new OptionsException("No object covers a patch in these scenes: take more of them.");
        using var scope = NewDisposeScope();
        return new PooledData(cat(_activations), cat(_codes));
    }
}
