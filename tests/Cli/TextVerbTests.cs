using System.Text.Json;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Cli;

/// <summary>Verbs on language models as a user calls them: a tiny GPT-2 with a tokenizer of its own and an SAE that reconstructs everything.</summary>
public sealed class TextVerbTests : IDisposable
{
    private const string Letters = "abcdefghijklmnopqrstuvwxyz";
    private readonly TempFolder _folder = new();

    public TextVerbTests()
    {
        Directory.CreateDirectory(_folder["model"]);
        foreach (var file in new[] { "config.json", "model.safetensors" })
            File.Copy(Fixture.Path($"models/hf_gpt2/{file}"), _folder[$"model/{file}"]);
        // Letters, a blank and the end token: ids below the model's 101.
        var vocabulary = string.Join(",", Letters.Select((letter, i) => $"\"{letter}\":{i}"));
        File.WriteAllText(_folder["model/tokenizer.json"],
            "{\"added_tokens\":[{\"id\":27,\"content\":\"<|endoftext|>\",\"special\":true}],\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
            + "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{" + vocabulary + ",\"Ġ\":26},\"merges\":[]}}");
        File.WriteAllText(_folder["model/tokenizer_config.json"], """{"bos_token":"<|endoftext|>","eos_token":"<|endoftext|>"}""");
        File.WriteAllLines(_folder["texts.txt"], Enumerable.Range(0, 12).Select(i => string.Concat(Enumerable.Range(0, 20).Select(k => Letters[(i * 7 + k * k) % 26]))));
        WriteCoder();
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_text_goes_on_and_an_edited_feature_changes_it()
    {
        string[] call = ["generate-text", "--model", _folder["model"], "--ids", "3", "17", "5", "--max-tokens", "6", "--json"];
        var plain = Json(call);
        Assert.Equal(6, plain.GetProperty("ids").GetArrayLength());
        Assert.Equal(plain.GetRawText(), Json([.. call, "--top-k", "1", "--temperature", "0.7"]).GetRawText());
        Assert.Equal(plain.GetProperty("ids").GetRawText(), Json([.. call, "--no-memory"]).GetProperty("ids").GetRawText());
        string[] steer = [.. call, "--sae", _folder["sae"], "--edit", "blocks.1.hook_resid_pre:3=add 30", "--force"];
        var steered = Json(steer);
        Assert.NotEqual(plain.GetProperty("log_probabilities").GetRawText(), steered.GetProperty("log_probabilities").GetRawText());
        Assert.Equal(steered.GetProperty("ids").GetRawText(), Json([.. steer, "--no-memory"]).GetProperty("ids").GetRawText());
        Assert.Equal(plain.GetProperty("ids").GetRawText(), Json([.. call, "--sae", _folder["sae"], "--reconstruct", "--force"]).GetProperty("ids").GetRawText());
    }

    [Fact]
    public void Several_prompts_go_on_as_each_would_alone()
    {
        string[] prompts = ["cat", "a much longer text", "b"];
        // A token for every id of the model.
        var words = string.Concat(Enumerable.Range(28, 73).Select(id => $",\"w{id}\":{id}"));
        File.WriteAllText(_folder["model/tokenizer.json"], File.ReadAllText(_folder["model/tokenizer.json"]).Replace("\"Ġ\":26", "\"Ġ\":26" + words, StringComparison.Ordinal));
        foreach (var more in new string[][] { [], ["--no-memory"], ["--temperature", "2", "--top-k", "9"], ["--sae", _folder["sae"], "--edit", "blocks.1.hook_resid_pre:3=add 30", "--force"] })
        {
            string[] call = ["generate-text", "--model", _folder["model"], "--max-tokens", "5", "--json", .. more];
            var together = Json([.. call, "--seed", "3", .. prompts.SelectMany(prompt => new[] { "--prompt", prompt })], array: true);
            foreach (var (k, prompt) in prompts.Index())
            {
                var alone = Json([.. call, "--seed", $"{3 + k}", "--prompt", prompt]);
                Assert.Equal(alone.GetProperty("ids").GetRawText(), together[k].GetProperty("ids").GetRawText());
                Assert.Equal(alone.GetProperty("text").GetString(), together[k].GetProperty("text").GetString());
            }
        }
        File.WriteAllLines(_folder["prompts.txt"], prompts);
        var (code, _, shown) = VerbRun.Of("generate-text", "--model", _folder["model"], "--max-tokens", "5", "--prompts", _folder["prompts.txt"]);
        Assert.Equal((0, 3), (code, shown.TrimEnd().Split('\n').Length));
        Assert.Contains("[2] a much longer text", shown, StringComparison.Ordinal);
    }

    [Fact]
    public void Prompts_that_do_not_work_are_refused_in_a_sentence()
    {
        foreach (var (more, says) in new (string[], string)[]
        {
            ([], "--prompt"),
            (["--prompt", new string('a', 24)], "24"),
            (["--prompt", "A"], "no token for"),
            (["--ids", "101"], "0 to 100"),
            (["--prompt", "a", "--top-p", "2"], "TopP"),
            (["--prompt", "a", "--prompt", new string('b', 30)], "Prompt 1 has"),
            (["--prompts", _folder["none.txt"]], "no file"),
            (["--prompt", "a", "--prompts", _folder["texts.txt"]], "one of them"),
        })
        {
            var (code, errors, _) = VerbRun.Of(["generate-text", "--model", _folder["model"], .. more]);
            Assert.Equal(2, code);
            Assert.Contains(says, errors, StringComparison.Ordinal);
        }
        File.Delete(_folder["model/tokenizer.json"]);
        File.WriteAllText(_folder["model/vocab.json"], "{\"a\":0}");
        Assert.Contains("merges.txt", VerbRun.Of("generate-text", "--model", _folder["model"], "--prompt", "a").Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Ids_and_text_turn_into_each_other()
    {
        Assert.Contains("[2,0,19,26,18]", Json(["tokenize", "--model", _folder["model"], "cat s"], array: true)[0].GetProperty("ids").GetRawText(), StringComparison.Ordinal);
        Assert.Equal("cat s", Json(["tokenize", "--model", _folder["model"], "--decode", "2,0,19,26,18"]).GetProperty("text").GetString());
        Assert.Equal(2, VerbRun.Of("tokenize", "--model", _folder["model"], "--decode", "99").Code);
    }

    [Fact]
    public void A_coder_that_reconstructs_everything_recovers_the_whole_loss()
    {
        var result = Json(["sae", "eval", "--sae", _folder["sae"], "--model", _folder["model"], "--text", _folder["texts.txt"], "--window", "16", "--batch", "4", "--force", "--json"]);
        var loss = Find(result, "next_token_cross_entropy")!.Value;
        Assert.Contains("next_token_cross_entropy", result.GetRawText(), StringComparison.Ordinal);
        Assert.Equal(loss.GetProperty("clean").GetDouble(), loss.GetProperty("spliced").GetDouble(), 1e-4);
        Assert.True(loss.GetProperty("zero").GetDouble() > 0);
    }

    [Fact]
    public void Texts_become_rows_without_the_token_that_opens_a_window()
    {
        string[] call = ["sae", "harvest", "--model", _folder["model"], "--text", _folder["texts.txt"], "--window", "16", "--hook", "blocks.1.hook_resid_pre", "--json"];
        Assert.Equal(16 * 16, Json([.. call, "--out", _folder["all"]]).GetProperty("rows").GetInt32());
        Assert.Equal(16 * 15, Json([.. call, "--out", _folder["plain"], "--tokens", "no-special"]).GetProperty("rows").GetInt32());
        using var scope = NewDisposeScope();
        using var model = Models.Load(_folder["model"]);
        var inputs = new Prisma.Text.TextInputs(_folder["texts.txt"], Prisma.Text.Tokenizers.Open(_folder["model"]), 16);
        var first = inputs.Batch([0])["input_ids"];
        Assert.Equal(27, first[0][0].item<long>());
        using var recording = model.Run(first, HookPlan.Empty.Keep(Site.ResidPre[1]));
        first.Dispose();
        using var source = ShardSource.Open(_folder["plain"], new ShardOptions { Seed = null });
        using var rows = source.Open(15, Cursor.Start, default).First();
        Close.Check("rows", rows["blocks.1.hook_resid_pre"], recording.Cache[Site.ResidPre[1]].select(0, 0).narrow(0, 1, 15));
        File.WriteAllText(_folder["short.jsonl"], "{\"text\":\"abc\"}\n");
        var (code, errors, _) = VerbRun.Of([.. call[..4], "--text", _folder["short.jsonl"], .. call[6..], "--out", _folder["none"]]);
        Assert.Equal(2, code);
        Assert.Contains("3 tokens", errors, StringComparison.Ordinal);
    }

    // relu(x) and relu(−x) side by side: everything comes back.
    private void WriteCoder()
    {
        using var scope = NewDisposeScope();
        Directory.CreateDirectory(_folder["sae"]);
        File.WriteAllText(_folder["sae/cfg.json"], """
            {"architecture":"standard","d_in":24,"d_sae":48,"dtype":"float32","apply_b_dec_to_input":true,"normalize_activations":"none","reshape_activations":"none",
             "metadata":{"sae_lens_version":"6.18.0","model_name":"gpt2","hook_name":"blocks.1.hook_resid_pre"}}
            """);
        var one = eye(24);
        Safetensors.Write(_folder["sae/sae_weights.safetensors"], new[]
        {
            ("W_enc", cat([one, -one], 1)), ("W_dec", cat([one, -one])), ("b_enc", zeros(48)), ("b_dec", zeros(24)),
        });
    }

    private static JsonElement Json(string[] call, bool array = false)
    {
        var (code, errors, output) = VerbRun.Of(call);
        Assert.True(code == 0, errors);
        using var document = JsonDocument.Parse(output);
        Assert.Equal(array ? JsonValueKind.Array : JsonValueKind.Object, document.RootElement.ValueKind);
        return document.RootElement.Clone();
    }

    // The object of that name, or the one in a list that is called so.
    private static JsonElement? Find(JsonElement json, string name) => json.ValueKind switch
    {
        JsonValueKind.Object when json.TryGetProperty(name, out var found) && found.ValueKind == JsonValueKind.Object => found,
        JsonValueKind.Object when json.EnumerateObject().Any(field => field.Value.ValueKind == JsonValueKind.String && field.Value.GetString() == name) => json,
        JsonValueKind.Object => json.EnumerateObject().Select(field => Find(field.Value, name)).FirstOrDefault(found => found is not null),
        JsonValueKind.Array => json.EnumerateArray().Select(item => Find(item, name)).FirstOrDefault(found => found is not null),
        _ => null,
    };
}
