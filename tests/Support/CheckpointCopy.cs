using System.Text.Json.Nodes;
using Prisma.Core;

namespace Prisma.Tests;

/// <summary>A copy of a committed checkpoint folder with its configuration or its tensors changed, removed at the end.</summary>
internal sealed class CheckpointCopy : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string _weights;

    internal CheckpointCopy(
        string fixture,
        Action<JsonNode>? config = null,
        Func<IEnumerable<StoredTensor>, IEnumerable<StoredTensor>>? tensors = null,
        string? weights = null)
    {
        var from = Fixture.Path($"models/{fixture}");
        var configFile = File.Exists(System.IO.Path.Combine(from, "config.json")) ? "config.json" : "open_clip_config.json";
        var json = JsonNode.Parse(File.ReadAllText(System.IO.Path.Combine(from, configFile)))!;
        config?.Invoke(json);
        File.WriteAllText(_folder[configFile], json.ToJsonString());
        var stored = configFile == "config.json" ? "model.safetensors" : "open_clip_model.safetensors";
        using var source = TensorSource.Open(System.IO.Path.Combine(from, stored));
        _weights = _folder[weights ?? stored];
        var changed = tensors?.Invoke(source.Tensors) ?? source.Tensors;
        if (_weights.EndsWith(".bin", StringComparison.Ordinal)) TorchFile.Write(_weights, changed);
        else Safetensors.Write(_weights, changed);
    }

    internal string Path => _folder.Path;

    internal HookedModel Load() => Models.Load(Path);

    /// <summary>The message with which loading is refused; it names the folder.</summary>
    internal string Refusal()
    {
        var message = Assert.Throws<CheckpointException>(Load).Message;
        Assert.Contains(Path, message, StringComparison.Ordinal);
        return message;
    }

    public void Dispose() => _folder.Dispose();
}
