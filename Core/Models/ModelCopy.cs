using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>
/// Writes a model's folder, or a pipeline's with all its parts, once more with the floating-point weights in another type: settings are copied, weights
/// become one safetensors file under the layout's usual name. Whole numbers stay as they are. The converted weights of one part are held in memory.
/// </summary>
public static class ModelCopy
{
    // Weights in any form, and what lists them, are not settings.
    private static readonly string[] s_weights = [".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".msgpack", ".h5", ".onnx", ".index.json"];

    /// <summary>Copies and converts; the folder appears complete or not at all.</summary>
    /// <param name="from">The model's folder.</param>
    /// <param name="to">The new folder; it must not exist.</param>
    /// <param name="dtype">What floating-point weights become.</param>
    /// <returns>The number of tensors written.</returns>
    /// <exception cref="CheckpointException">There is no model, or a weight does not fit into the type.</exception>
    /// <exception cref="PrismaException">The folder exists, or cannot be written.</exception>
    public static int Write(string from, string to, ScalarType dtype)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        if (Path.Exists(to)) throw new PrismaException($"'{to}' exists already and is not overwritten.");
        var partial = Path.TrimEndingDirectorySeparator(Path.GetFullPath(to)) + ".partial";
        try
        {
            if (Directory.Exists(partial)) Directory.Delete(partial, recursive: true);
            var written = 0;
            foreach (var part in Parts(from)) written += Part(Path.Combine(from, part), Path.Combine(partial, part), dtype);
            if (written == 0) throw new CheckpointException($"'{from}' has no weights to convert.");
            Directory.Move(partial, to);
            return written;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PrismaException($"Cannot write '{to}': {e.Message}", e);
        }
        finally
        {
            if (Directory.Exists(partial)) Directory.Delete(partial, recursive: true);
        }
    }

    // A pipeline's parts are its folders.
    private static IEnumerable<string> Parts(string from) => File.Exists(Path.Combine(from, "model_index.json"))
        ? Directory.GetDirectories(from).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal).Prepend("")
        : [""];

    private static int Part(string from, string to, ScalarType dtype)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
            if (!s_weights.Any(ending => file.EndsWith(ending, StringComparison.Ordinal))) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        if (!File.Exists(Path.Combine(from, "config.json")) && !File.Exists(Path.Combine(from, "open_clip_config.json"))) return 0;
        var folder = ModelFolder.Open(from);
        using var source = folder.OpenWeights();
        using var scope = NewDisposeScope();
        var converted = source.Tensors.Select(stored => (stored.Name, Value: Converted(stored, dtype))).ToList();
        Safetensors.Write(Path.Combine(to, ModelFolder.PlainName(folder.WeightsFile!)), converted, new Dictionary<string, string> { ["format"] = "pt" });
        return converted.Count;
    }

    private static Tensor Converted(StoredTensor stored, ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var value = stored.ToTensor();
        if (!value.is_floating_point() || value.dtype == dtype) return value.MoveToOuterDisposeScope();
        var result = value.to(dtype);
        var lost = value.isfinite().logical_and(result.isfinite().logical_not()).sum().item<long>();
        return lost == 0
            ? result.MoveToOuterDisposeScope()
            : throw new CheckpointException($"{lost} values of '{stored.Name}' are too large for {dtype}; bfloat16 and float32 hold them.");
    }
}
