using System.Text.Encodings.Web;
using System.Text.Json;

namespace Prisma.Cli;

/// <summary>Where a verb writes: results to standard output, progress and remarks to standard error.</summary>
internal sealed class Terminal(TextWriter output, TextWriter errors)
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    internal TextWriter Out => output;

    internal void Line(string text) => output.WriteLine(text);

    /// <summary>Part of a line, shown at once.</summary>
    internal void Piece(string text)
    {
        output.Write(text);
        output.Flush();
    }

    internal void Remark(string text) => errors.WriteLine(text);

    internal void Json<T>(T value) => output.WriteLine(ToJson(value));

    /// <summary>JSON with names in snake_case.</summary>
    internal static string ToJson<T>(T value) => JsonSerializer.Serialize(value, s_json);

    /// <summary>Columns aligned under their headings; numbers to the right.</summary>
    internal void Table(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        var all = rows.ToList();
        var widths = headings.Select((heading, k) => Math.Max(heading.Length, all.Count == 0 ? 0 : all.Max(row => row[k].Length))).ToArray();
        output.WriteLine(Row(headings));
        foreach (var row in all) output.WriteLine(Row(row));

        string Row(IReadOnlyList<string> cells) => string.Join("  ", cells.Select((cell, k) =>
            double.TryParse(cell.TrimEnd('%'), out _) ? cell.PadLeft(widths[k]) : cell.PadRight(widths[k]))).TrimEnd();
    }
}
