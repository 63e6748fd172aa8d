using System.Text.Json;

namespace Prisma.Core;

/// <summary>
/// Reads a checkpoint's configuration key by key and remembers which were used. All faults are reported at once; a numeric key that the
/// family neither uses nor knowingly ignores is a fault too, because that is where scales and caps get lost.
/// </summary>
public sealed class ConfigReader
{
    // What every Hugging Face configuration may carry: generation settings, token ids and bookkeeping that do not enter a forward pass.
    private static readonly HashSet<string> s_common = new(StringComparer.Ordinal)
    {
        "max_length", "min_length", "num_beams", "num_beam_groups", "diversity_penalty", "temperature", "top_k", "top_p", "typical_p",
        "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "num_return_sequences",
        "chunk_size_feed_forward", "bos_token_id", "pad_token_id", "eos_token_id", "decoder_start_token_id", "sep_token_id",
        "forced_bos_token_id", "forced_eos_token_id", "initializer_range", "initializer_factor", "hidden_dropout_prob",
        "attention_probs_dropout_prob", "attention_dropout", "dropout", "drop_path_rate", "num_labels", "classifier_dropout",
        "exponential_decay_length_penalty", "vocab_size",
    };

    private readonly JsonElement _json;
    private readonly string _where;
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private readonly List<string> _faults = [];

    /// <summary>Starts reading an object; <paramref name="where"/> names it in messages.</summary>
    public ConfigReader(JsonElement json, string where)
    {
        if (json.ValueKind != JsonValueKind.Object) throw new CheckpointException($"{where} is no JSON object.");
        (_json, _where) = (json, where);
    }

    /// <summary>Whether the key is there and not null.</summary>
    public bool Has(string key) => _json.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>A positive whole number that must be there, unless a fallback is given.</summary>
    public int Int(string key, int? fallback = null)
    {
        if (Take(key, fallback is null) is not { } value) return fallback ?? 1;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number > 0) return number;
        _faults.Add($"'{key}' is {Said(value)}, not a positive whole number");
        return 1;
    }

    /// <summary>A whole number of any sign.</summary>
    public int AnyInt(string key, int fallback)
    {
        if (Take(key, required: false) is not { } value) return fallback;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number)) return number;
        _faults.Add($"'{key}' is {Said(value)}, not a whole number");
        return fallback;
    }

    /// <summary>A side length: a number, or a pair of equal numbers.</summary>
    public int Side(string key, int? fallback = null)
    {
        if (_json.TryGetProperty(key, out var pair) && pair.ValueKind == JsonValueKind.Array && pair.GetArrayLength() == 2
            && pair[0].TryGetInt32(out var first) && pair[1].TryGetInt32(out var second) && first == second && first > 0)
        {
            _used.Add(key);
            return first;
        }
        return Int(key, fallback);
    }

    /// <summary>A list of positive whole numbers.</summary>
    public IReadOnlyList<int> Ints(string key, IReadOnlyList<int> fallback)
    {
        if (Take(key, required: false) is not { } list) return fallback;
        if (list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0 && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var number) && number > 0))
            return [.. list.EnumerateArray().Select(item => item.GetInt32())];
        _faults.Add($"'{key}' is {Said(list)}, not a list of positive whole numbers");
        return fallback;
    }

    /// <summary>A height and a width: a number for both, or a pair.</summary>
    public (int Height, int Width) Sides(string key, int fallback)
    {
        if (!IsList(key))
        {
            var side = Int(key, fallback);
            return (side, side);
        }
        var pair = Take(key, required: true)!.Value;
        if (pair.GetArrayLength() == 2 && pair.EnumerateArray().All(side => side.ValueKind == JsonValueKind.Number && side.TryGetInt32(out var pixels) && pixels > 0))
            return (pair[0].GetInt32(), pair[1].GetInt32());
        _faults.Add($"'{key}' is {Said(pair)}, not a pair of positive whole numbers");
        return (fallback, fallback);
    }

    /// <summary>A number that must be there, unless a fallback is given.</summary>
    public double Double(string key, double? fallback = null)
    {
        if (Take(key, fallback is null) is not { } value) return fallback ?? 1;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number)) return number;
        _faults.Add($"'{key}' is {Said(value)}, not a number");
        return 1;
    }

    /// <summary>A truth value that must be there, unless a fallback is given.</summary>
    public bool Bool(string key, bool? fallback = null)
    {
        if (Take(key, fallback is null) is not { } value) return fallback ?? false;
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False) return value.GetBoolean();
        _faults.Add($"'{key}' is {Said(value)}, not true or false");
        return false;
    }

    /// <summary>A text that must be there, unless a fallback is given.</summary>
    public string Text(string key, string? fallback = null)
    {
        if (Take(key, fallback is null) is not { } value) return fallback ?? "";
        if (value.ValueKind == JsonValueKind.String) return value.GetString()!;
        _faults.Add($"'{key}' is {Said(value)}, not a text");
        return "";
    }

    /// <summary>The name of an activation function that is built.</summary>
    public string Activation(string key, string? fallback = null)
    {
        var name = Text(key, fallback);
        try
        {
            _ = Core.Activation.Named(name);
        }
        catch (CheckpointException unknown)
        {
            _faults.Add($"'{key}': {unknown.Message.TrimEnd('.')}");
        }
        return name;
    }

    /// <summary>One positive whole number for each of several blocks: a list of that length, or one number for all.</summary>
    public IReadOnlyList<int> Ints(string key, int count, int? fallback = null)
    {
        if (!IsList(key)) return [.. Enumerable.Repeat(Int(key, fallback), count)];
        var list = Take(key, required: true)!.Value;
        var numbers = list.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var number) ? number : 0).ToArray();
        if (numbers.Length == count && numbers.All(number => number > 0)) return numbers;
        _faults.Add($"'{key}' is {Said(list)}, not {count} positive whole numbers");
        return [.. Enumerable.Repeat(1, count)];
    }

    /// <summary>For each of several blocks a positive whole number or a list of such: one number for all, or a list of that length. A number comes as a list of one.</summary>
    public IReadOnlyList<IReadOnlyList<int>> IntsOrLists(string key, int count, int? fallback = null)
    {
        if (!IsList(key)) return [.. Enumerable.Repeat<IReadOnlyList<int>>([Int(key, fallback)], count)];
        var list = Take(key, required: true)!.Value;
        var found = list.EnumerateArray().Select(int[] (item) => item.ValueKind == JsonValueKind.Array ? [.. item.EnumerateArray().Select(Positive)] : [Positive(item)]).ToArray();
        if (found.Length == count && found.All(numbers => numbers.Length > 0 && numbers.All(number => number > 0))) return found;
        _faults.Add($"'{key}' is {Said(list)}, not {count} positive whole numbers or lists of them");
        return [.. Enumerable.Repeat<IReadOnlyList<int>>([1], count)];

        static int Positive(JsonElement item) => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var number) ? number : 0;
    }

    /// <summary>A truth value for each of several blocks: a list of that length, or one value for all.</summary>
    public IReadOnlyList<bool> Bools(string key, int count, bool fallback)
    {
        if (!IsList(key)) return [.. Enumerable.Repeat(Bool(key, fallback), count)];
        var list = Take(key, required: true)!.Value;
        if (list.GetArrayLength() == count && list.EnumerateArray().All(item => item.ValueKind is JsonValueKind.True or JsonValueKind.False)) return [.. list.EnumerateArray().Select(item => item.GetBoolean())];
        _faults.Add($"'{key}' is {Said(list)}, not {count} times true or false");
        return [.. Enumerable.Repeat(fallback, count)];
    }

    /// <summary>A list of numbers; null where the key is missing or null.</summary>
    public IReadOnlyList<double>? Doubles(string key)
    {
        if (Take(key, required: false) is not { } list) return null;
        if (list.ValueKind == JsonValueKind.Array && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Number))
            return [.. list.EnumerateArray().Select(item => item.GetDouble())];
        _faults.Add($"'{key}' is {Said(list)}, not a list of numbers");
        return null;
    }

    /// <summary>A list of texts; the fallback where the key is missing or null.</summary>
    public IReadOnlyList<string> Texts(string key, params IReadOnlyList<string> fallback)
    {
        if (Take(key, required: false) is not { } list) return fallback;
        if (list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0 && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String))
            return [.. list.EnumerateArray().Select(item => item.GetString()!)];
        _faults.Add($"'{key}' is {Said(list)}, not a list of texts");
        return fallback;
    }

    /// <summary>A fault for each key that is there and neither null nor false: what it switches on is not built.</summary>
    public ConfigReader RefuseSwitchedOn(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys)
        {
            _used.Add(key);
            if (IsSwitchedOn(key)) _faults.Add($"'{key}' = {Said(_json.GetProperty(key))} is not built");
        }
        return this;
    }

    /// <summary>A fault unless the text is the one that is built, or missing.</summary>
    public ConfigReader RequireText(string key, string built)
    {
        var text = Text(key, built);
        return Require(text == built, $"'{key}' = '{text}' is not built; '{built}' is");
    }

    /// <summary>A nested object; empty where it is missing and not required.</summary>
    public JsonElement Object(string key, bool required = true)
    {
        if (Take(key, required) is { ValueKind: JsonValueKind.Object } value) return value;
        return JsonDocument.Parse("{}").RootElement;
    }

    /// <summary>Marks keys as known to have no part in the forward pass.</summary>
    public ConfigReader Ignore(params ReadOnlySpan<string> keys)
    {
        foreach (var key in keys) _used.Add(key);
        return this;
    }

    /// <summary>A list of texts; null where it is missing.</summary>
    public IReadOnlyList<string>? Texts(string key)
    {
        if (Take(key, required: false) is not { } value) return null;
        if (value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String))
            return [.. value.EnumerateArray().Select(item => item.GetString()!)];
        _faults.Add($"'{key}' is {Said(value)}, not a list of texts");
        return null;
    }

    /// <summary>Whether the key holds a list.</summary>
    public bool IsList(string key) => _json.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Array;

    /// <summary>Whether the key is there and null.</summary>
    public bool IsNull(string key) => _json.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Null;

    /// <summary>Whether the key holds a text.</summary>
    public bool IsText(string key) => _json.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String;

    /// <summary>Whether the key holds an object.</summary>
    public bool IsObject(string key) => _json.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Object;

    /// <summary>Whether the key is there and neither null nor false.</summary>
    public bool IsSwitchedOn(string key) => Has(key) && _json.GetProperty(key).ValueKind != JsonValueKind.False;

    /// <summary>Adds a fault of the family's own.</summary>
    public ConfigReader Require(bool holds, string fault)
    {
        if (!holds) _faults.Add(fault);
        return this;
    }

    /// <summary>Throws if anything was wrong or left unread.</summary>
    /// <exception cref="CheckpointException">Lists every fault.</exception>
    public void Finish()
    {
        foreach (var property in _json.EnumerateObject())
            if (property.Value.ValueKind == JsonValueKind.Number && !_used.Contains(property.Name) && !s_common.Contains(property.Name))
                _faults.Add($"'{property.Name}' = {Said(property.Value)} is a number this family does not know; it may change what the model computes");
        Check();
    }

    /// <summary>The same where every key must be known, not only numbers; one that is null or false asks for nothing.</summary>
    /// <exception cref="CheckpointException">Lists every fault.</exception>
    public void FinishStrictly()
    {
        foreach (var property in _json.EnumerateObject())
            if (!_used.Contains(property.Name) && IsSwitchedOn(property.Name)) _faults.Add($"the option '{property.Name}' = {Said(property.Value)} is not known");
        Check();
    }

    /// <summary>Throws if anything was wrong so far; for faults that make reading on pointless.</summary>
    /// <exception cref="CheckpointException">Lists every fault.</exception>
    public void Check()
    {
        if (_faults.Count > 0) throw new CheckpointException($"{_where}: {string.Join("; ", _faults)}.");
    }

    // In one line, however the file breaks it.
    private static string Said(JsonElement value) => string.Join(' ', value.GetRawText().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private JsonElement? Take(string key, bool required)
    {
        _used.Add(key);
        if (_json.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null) return value;
        if (required) _faults.Add($"'{key}' is missing");
        return null;
    }
}
