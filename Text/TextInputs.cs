using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>
/// A file of texts as examples of one length for a language model: the texts' tokens one after another, cut into windows, each opened by
/// the start token where there is one. Lines are texts; in a .jsonl file the field <c>text</c> of each line is. What is left behind the last
/// whole window is not used.
/// </summary>
public sealed class TextInputs : IModelInputs
{
    private readonly string _file;
    private readonly List<int[]> _windows = [];

    /// <summary>Reads and cuts a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="tokenizer">Makes the ids.</param>
    /// <param name="window">Tokens per example, the opening one included.</param>
    /// <param name="opens">Whether each window opens with the start token (or, where the vocabulary has none, the end token).</param>
    /// <exception cref="PrismaException">The file is missing, damaged, or too short for one window.</exception>
    public TextInputs(string file, ITokenizer tokenizer, int window, bool opens = true)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(tokenizer);
        int[] opening = opens && (tokenizer.StartId ?? tokenizer.EndId) is { } first ? [first] : [];
        if (window <= opening.Length + 1) throw new OptionsException($"A window of {window} tokens has no room for a text.");
        if (!File.Exists(file)) throw new CheckpointException($"There is no file '{file}'; a text source is a file of lines, or of JSON lines with a field 'text' (.jsonl).");
        _file = file;
        Opening = opening.Length;
        var (row, tokens) = (new List<int>(opening), 0L);
        foreach (var text in Texts(file))
            foreach (var id in tokenizer.Encode(text, new EncodeOptions { Special = false }))
            {
                row.Add(id);
                tokens++;
                if (row.Count < window) continue;
                _windows.Add([.. row]);
                row = [.. opening];
            }
        if (_windows.Count == 0) throw new OptionsException($"'{file}' has {tokens} tokens; one window needs {window - Opening}. Give more text or a shorter window.");
        Fingerprint = $"texts {Digest()}";
    }

    /// <inheritdoc/>
    public int Count => _windows.Count;

    /// <inheritdoc/>
    public int Opening { get; }

    /// <inheritdoc/>
    public string Fingerprint { get; }

    /// <inheritdoc/>
    public string NameOf(int example) => $"window {example} of {_file}";

    /// <inheritdoc/>
    public ModelInput Batch(IReadOnlyList<int> examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        long[] ids = [.. examples.SelectMany(example => _windows[example]).Select(id => (long)id)];
        return new ModelInput { { "input_ids", tensor(ids, [examples.Count, _windows[0].Length]).DetachFromDisposeScope() } };
    }

    private static IEnumerable<string> Texts(string file)
    {
        var isJson = file.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase);
        var number = 0;
        foreach (var line in File.ReadLines(file))
        {
            number++;
            if (line.Length > 0) yield return isJson ? Field(line, file, number) : line;
        }
    }

    private static string Field(string line, string file, int number)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String)
                return text.GetString()!;
            throw new CheckpointException($"{file}, line {number}: no field 'text' with a text in it.");
        }
        catch (JsonException fault)
        {
            throw new CheckpointException($"{file}, line {number}: not valid JSON ({fault.Message}).", fault);
        }
    }

    private string Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{Opening} {_windows[0].Length} {Count}\n"));
        foreach (var window in _windows) hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(window.AsSpan()));
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..16];
    }
}
