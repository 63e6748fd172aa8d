using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Text;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Prisma.Demo;

/// <summary>The demo's text-to-image model while it learns: the hooked models that everybody uses, their weights made trainable. Owns them.</summary>
internal sealed class TrainablePainter : IDisposable
{
    private readonly ITokenizer _tokenizer;

    public TrainablePainter(DemoPainterOptions options)
    {
        options.Validate();
        Options = options;
        Files = new PainterFiles(options);
        _tokenizer = TokenizerOf(Files);
        Unet = new Unet(UnetConfig.Read(Reader(Files.Unet)));
        Vae = new AutoencoderKl(VaeConfig.Read(Reader(Files.Vae(1))));
        Texts = [.. options.TextWidths.Select((_, i) => new ClipTextModel(ClipTextConfig.Read(Reader(Files.Text(i)), i == 0 ? 0 : null)))];
        using var scope = NewDisposeScope();
        using var random = new Generator((ulong)options.Seed);
        foreach (HookedModel model in (HookedModel[])[Unet, Vae, .. Texts])
            foreach (var (name, weight) in model.Weights) weight.Set(Parameter(Initial(name, [.. weight.Shape], random)));
    }

    public DemoPainterOptions Options { get; }

    public PainterFiles Files { get; }

    public Unet Unet { get; }

    public AutoencoderKl Vae { get; }

    public IReadOnlyList<ClipTextModel> Texts { get; }

    /// <summary>What the U-net's training changes: it and the text encoders, without what stays silent.</summary>
    public IEnumerable<Parameter> Painting => Trained.Select(named => (Parameter)named.Weight.Value);

    /// <summary>Those of <see cref="Painting"/> that are matrices inside transformers.</summary>
    public IEnumerable<Parameter> Matrices => Trained
        .Where(named => named.Name.Contains("blocks.", StringComparison.Ordinal) && named.Weight.Shape.Count == 2 && !named.Name.Contains("time_emb", StringComparison.Ordinal))
        .Select(named => (Parameter)named.Weight.Value);

    private IEnumerable<(string Name, Weight Weight)> Trained =>
        new HookedModel[] { Unet, Texts[0], Texts[1] }.SelectMany(model => model.Weights).Where(named => !IsSilent(named.Name));

    /// <summary>What the U-net predicts of noisy latents [B, 4, h, w] at times [B] under captions, with its graph.</summary>
    /// <param name="noisy">The latents.</param>
    /// <param name="times">0 to 999.</param>
    /// <param name="captions">One for each.</param>
    /// <param name="told">[B]: 0 where the caption is left out.</param>
    public Tensor Predict(Tensor noisy, Tensor times, IReadOnlyList<string> captions, Tensor told)
    {
        using var scope = NewDisposeScope();
        long[] ids = [.. captions.SelectMany(caption => _tokenizer.Encode(caption, new EncodeOptions { Pad = true })).Select(id => (long)id)];
        var input = new ModelInput { ["input_ids"] = tensor(ids, [captions.Count, ids.Length / captions.Count]) };
        var recordings = Texts.Select(text => text.Run(input, HookPlan.Empty.Keep(Site.ResidPre[PainterFiles.TextLayers - 1]).ForTraining())).ToList();
        Tensor tokens = cat([.. recordings.Select(recording => recording.Cache[Site.ResidPre[PainterFiles.TextLayers - 1]])], -1);
        var named = new ModelInput
        {
            ["sample"] = noisy,
            ["timestep"] = times,
            ["encoder_hidden_states"] = tokens * told.view(-1, 1, 1),
            ["text_embeds"] = recordings[1].Outputs["text_embeds"],
            ["time_ids"] = tensor(new float[] { CaptionedPicture.Side, CaptionedPicture.Side, 0, 0, CaptionedPicture.Side, CaptionedPicture.Side }).expand(captions.Count, PainterFiles.TimeIds),
        };
        Recording painted = Unet.Run(named, HookPlan.Empty.ForTraining());
        return painted.Main.alias().MoveToOuterDisposeScope();
    }

    /// <summary>Takes over the weights of a saved model of the same build; returns the scaling of its latents.</summary>
    /// <exception cref="CheckpointException">The folder holds none, or another build.</exception>
    public double TakeOver(string folder)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        using TextToImage saved = TextToImage.Open(folder);
        foreach (var (own, theirs) in ((HookedModel[])[Unet, Vae, .. Texts]).Zip([saved.Unet, saved.Vae, .. saved.TextEncoders]))
        {
            var named = theirs.Weights.ToDictionary(pair => pair.Name, pair => pair.Weight.Value);
            foreach (var (name, weight) in own.Weights)
            {
                if (!named.TryGetValue(name, out Tensor? value) || !value.shape.AsSpan().SequenceEqual(weight.Value.shape))
                    throw new CheckpointException($"'{folder}' is of another build: {own.Card.Family} {name} does not fit.");
                weight.Value.copy_(value);
            }
        }
        return saved.Vae.Config.Scaling;
    }

    /// <summary>The latents' means of pictures, in the autoencoder's own scale: [N, 4, h, w]. The caller (or its scope) disposes them.</summary>
    public Tensor Encode(IReadOnlyList<CaptionedPicture> pictures)
    {
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        var input = new ModelInput { ["sample"] = tensor(CaptionedPicture.Pixels(pictures), [pictures.Count, 3, CaptionedPicture.Side, CaptionedPicture.Side]) };
        using Recording recording = Vae.Run(input, HookPlan.Empty);
        return recording.Outputs["latent_mean"].alias().MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        Unet.Dispose();
        Vae.Dispose();
        foreach (ClipTextModel text in Texts) text.Dispose();
    }

    // The caption enters through the four transformers that have sparse autoencoders, and nowhere else: the first and the last transformer
    // look at no text, and the pooled text says nothing.
    private static bool IsSilent(string name) => name == "head.weight" || name.Contains(".attn2.to_out.", StringComparison.Ordinal)
        && (name.StartsWith("down_blocks.2.attentions.0.", StringComparison.Ordinal) || name.StartsWith("up_blocks.0.attentions.2.", StringComparison.Ordinal));

    /// <summary>What adds to a stream starts small, and the prediction near zero.</summary>
    private static Tensor Initial(string name, long[] shape, Generator random)
    {
        Tensor start = StartValues.Of(name, shape, PainterFiles.TextLayers, random);
        if (name.EndsWith("conv2.weight", StringComparison.Ordinal) || name.EndsWith("proj_out.weight", StringComparison.Ordinal)) start.mul_(0.2);
        if (IsSilent(name)) start.zero_();
        return name == "conv_out.weight" ? start.mul_(0.05) : start;
    }

    // A tokenizer is read from its files.
    private static ITokenizer TokenizerOf(PainterFiles files)
    {
        string folder = Directory.CreateTempSubdirectory("prisma-tokenizer").FullName;
        try
        {
            files.WriteTokenizer(folder);
            return Tokenizers.Open(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static ConfigReader Reader(JsonObject config) => new(JsonDocument.Parse(config.ToJsonString()).RootElement, config["_class_name"]?.ToString() ?? "a text encoder");
}
