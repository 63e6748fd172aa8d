using System.CommandLine;
using Prisma.Core;
using Prisma.Diffusion;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Draws pictures from prompts and writes what the model's places held at each step.</summary>
internal sealed class GenerateCommand : Verb
{
    internal override string Name => "generate";

    internal override string Description =>
        "Draws pictures from prompts with a text-to-image model (Stable Diffusion XL and Turbo, Stable Diffusion 1 and 2, latent consistency models, in diffusers' layout),\n"
        + "or from noise alone with a model that reads no text (DDPM, DDIM).\n"
        + "Example: prisma generate --model sdxl-turbo --prompt 'a red fox' --steps 1 --out pictures --hooks up.0.1 --trace trace.safetensors";

    internal override void Fill(Command command, Terminal terminal)
    {
        var pictures = new PictureOptions(command);
        var hooks = new Option<string[]>("--hooks") { HelpName = "GLOB", Description = "Places of the U-net to keep for --trace; * crosses dots; down.2.1, mid.0, up.0.1 stand for what these blocks add" };
        var trace = new Option<string?>("--trace") { HelpName = "FILE", Description = "Where to write time steps, latents after each step, embeddings, pictures and kept places" };
        var words = new Option<bool>("--words") { Description = "With --out: where each token of the prompt was looked at, as maps over the picture" };
        command.Options.Add(words);
        command.Options.Add(hooks);
        command.Options.Add(trace);
        var count = Common.Count(command, "--count", 1, "Of a model without text: how many pictures");
        var classes = new Option<int[]>("--class") { HelpName = "N", AllowMultipleArgumentsPerToken = true, Description = "Of a model without text that knows classes: one for each picture" };
        command.Options.Add(classes);
        var output = Common.Out(command, "The folder for the pictures and record.json", required: false);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var existing = Common.Existing(parsed.GetValue(force));
            var (folder, file, globs) = (parsed.GetValue(output), parsed.GetValue(trace), parsed.GetValue(hooks) ?? []);
            if (folder is null && file is null) throw new OptionsException("Say where results go: --out for pictures, --trace for tensors.");
            if (globs.Length > 0 && file is null) throw new OptionsException("--hooks keeps values for --trace: give that too.");
            if (file is not null) AtomicFile.CheckTarget(file, existing);
            if (folder is not null) AtomicFile.CheckTarget(Path.Combine(folder, PictureRecord.FileName), existing);
            using var scope = NewDisposeScope();
            var source = pictures.Folder(parsed, terminal);
            if (PixelDiffusion.IsOne(source))
            {
                if (parsed.GetValue(words)) throw new OptionsException("--words is for models that draw from a text; this one draws from noise alone.");
                using var noise = pictures.OpenPixels(parsed, source);
                var wanted = parsed.GetValue(classes) ?? [];
                return PixelPictures.Write(noise, pictures.ReadPixels(parsed, wanted.Length > 0 && parsed.GetValue(count) == 1 ? wanted.Length : parsed.GetValue(count), wanted), globs, folder, file, existing, parsed.GetValue(json), terminal);
            }
            if (parsed.GetValue(count) != 1 || parsed.GetValue(classes) is { Length: > 0 }) throw new OptionsException("--count and --class are for models that read no text; this one draws a picture for each --prompt.");
            var options = pictures.Read(parsed, terminal);
            using var pipeline = pictures.Open(parsed, terminal);
            var kept = globs.Aggregate(HookPlan.Empty, (plan, glob) => plan.Keep(ShortCodes.Expand(glob)));
            if (globs.Length > 0) _ = pipeline.Unet.Find(globs.Select(glob => ShortCodes.Expand(glob)));
            if (parsed.GetValue(words) && folder is null) throw new OptionsException("--words draws pictures: give --out too.");
            var (height, width) = pipeline.SizeOf(options);
            using var looks = new CrossAttentionMaps(height / pipeline.Vae.Config.Factor, width / pipeline.Vae.Config.Factor);
            var plan = DenoisePlan.Empty.With(kept);
            using var made = pipeline.Generate(options, parsed.GetValue(words) ? looks.Watch(plan) : plan, PictureOptions.Progress(terminal));
            var files = made.Pictures.Select((_, i) => $"{i:d3}.png").ToList();
            var record = PictureRecord.Of(pipeline, options, made, folder is null ? [] : files);
            if (file is not null) Safetensors.Write(file, Trace(made), PictureRecord.Provenance(pipeline), existing);
            if (folder is not null)
            {
                foreach (var (picture, name) in made.Pictures.Zip(files)) picture.Save(Path.Combine(folder, name), existing);
                if (parsed.GetValue(words)) Words(pipeline, options, made, looks, folder, existing);
                AtomicFile.WriteText(Path.Combine(folder, PictureRecord.FileName), Terminal.ToJson(record) + "\n", existing);
                terminal.Remark($"Wrote {files.Count} picture{(files.Count == 1 ? "" : "s")} to {folder}.");
            }
            if (parsed.GetValue(json)) terminal.Json(record);
            return ExitCode.Good;
        });
    }

    // One map for each token of the prompt, start and end left out.
    private static void Words(TextToImage pipeline, GenerateOptions options, Generation made, CrossAttentionMaps looks, string folder, ExistingFile existing)
    {
        using var scope = NewDisposeScope();
        var maps = looks.Maps();
        var factor = pipeline.Vae.Config.Factor;
        var layout = TokenLayout.Picture(0, (int)maps.shape[2], (int)maps.shape[3], factor);
        for (var i = 0; i < made.Pictures.Count; i++)
        {
            var tokens = pipeline.TokensOf(options.Prompts[i]);
            var tiles = Enumerable.Range(1, Math.Max(0, tokens.Count - 2)).Select(t => InterventionPictures.Tile(tokens[t], made.Pictures[i], maps[i][t], layout)).ToList();
            if (tiles.Count > 0)
                HeatmapPicture.Sheet(tiles, title: options.Prompts[i], scales: HeatmapScales.Each).Save(Path.Combine(folder, $"{i:d3}-words.png"), existing);
        }
    }

    private static IEnumerable<(string, Tensor)> Trace(Generation made)
    {
        yield return ("timesteps", made.Timesteps);
        yield return ("steps", made.Steps);
        yield return ("out", made.Latents);
        foreach (var (prefix, prompt) in new[] { ("", made.Prompt), ("negative_", made.Negative) })
        {
            if (prompt is null) continue;
            yield return ($"{prefix}prompt_embeds", prompt.Tokens);
            if (prompt.Pooled is { } pooled) yield return ($"{prefix}pooled_prompt_embeds", pooled);
        }
        var first = made.Pictures[0];
        yield return ("image", tensor(made.Pictures.SelectMany(picture => picture.Pixels.ToArray()).ToArray(), [made.Pictures.Count, first.Height, first.Width, 3]));
        foreach (var site in made.Cache.Sites) yield return (site.ToString(), made.Cache[site]);
    }
}
