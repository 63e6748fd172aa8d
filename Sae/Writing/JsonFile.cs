using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Writes configurations.</summary>
internal static class JsonFile
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    internal static void Write(string folder, string name, JsonObject content, ExistingFile existing)
    {
        Directory.CreateDirectory(folder);
        AtomicFile.Write(Path.Combine(folder, name), stream => JsonSerializer.Serialize(stream, content, s_indented), existing);
    }
}
