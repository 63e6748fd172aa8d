using Prisma.Core;

namespace Prisma.Vision;

/// <summary>What of a plain vision transformer enters the forward pass up to its last block. Families read it from their configurations.</summary>
public sealed record VitStackConfig
{
    /// <summary>d_model.</summary>
    public required int Width { get; init; }

    /// <summary>The number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>The number of heads.</summary>
    public required int Heads { get; init; }

    /// <summary>d_head; d_model / heads where null.</summary>
    public int? HeadWidth { get; init; }

    /// <summary>d_mlp; 0 where the blocks have no MLP.</summary>
    public required int Hidden { get; init; }

    /// <summary>The side of a patch in pixels.</summary>
    public required int Patch { get; init; }

    /// <summary>Patch rows of the picture that the positions were trained on.</summary>
    public required int Rows { get; init; }

    /// <summary>Patch columns of the picture that the positions were trained on.</summary>
    public required int Columns { get; init; }

    /// <summary>Colour channels.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>Whether the patch projection has a bias.</summary>
    public bool PatchBias { get; init; } = true;

    /// <summary>Whether a class token stands first.</summary>
    public bool ClassToken { get; init; } = true;

    /// <summary>Whether a distillation token follows it (Touvron et al. 2020).</summary>
    public bool DistillationToken { get; init; }

    /// <summary>The number of register tokens before the patches (Darcet et al. 2023).</summary>
    public int Registers { get; init; }

    /// <summary>Which tokens have positions.</summary>
    public VitPositions Positions { get; init; }

    /// <summary>Whether other picture sizes interpolate the positions with antialiasing.</summary>
    public bool Antialias { get; init; }

    /// <summary>Whether a norm stands before the blocks.</summary>
    public bool PreNorm { get; init; }

    /// <summary>Whether the blocks normalise what their branches wrote instead of what they read; there is no layer scale then.</summary>
    public bool PostNorm { get; init; }

    /// <summary>Whether norms divide by the root mean square instead of centring first.</summary>
    public bool RootMeanSquare { get; init; }

    /// <summary>ε of every norm.</summary>
    public required double Eps { get; init; }

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "gelu";

    /// <summary>Whether the MLPs are gated.</summary>
    public bool Gated { get; init; }

    /// <summary>Whether q, k and v have biases.</summary>
    public bool QkvBias { get; init; } = true;

    /// <summary>Whether attention's output and the MLPs have biases.</summary>
    public bool OutBias { get; init; } = true;

    /// <summary>Whether each query and each key is normalised.</summary>
    public bool HeadNorm { get; init; }

    /// <summary>Whether scores are divided by √d_head.</summary>
    public bool ScaledScores { get; init; } = true;

    /// <summary>Whether the blocks scale what they add to the stream.</summary>
    public bool LayerScale { get; init; }

    /// <summary>Whether a norm stands before attention's output matrix.</summary>
    public bool AttentionNorm { get; init; }

    /// <summary>Whether a norm stands before the MLP's output matrix.</summary>
    public bool NeuronNorm { get; init; }

    /// <summary>Whether scores have a bias by the distance of two patches; only with a class token as the one token before them.</summary>
    public RelativePositions Relative { get; init; }

    /// <summary>How patches' queries and keys are turned by their row and column; not at all where null.</summary>
    public GridRotaryOptions? Rotary { get; init; }

    /// <summary>The number of tokens before the patches.</summary>
    public int Prefix => (ClassToken ? 1 : 0) + (DistillationToken ? 1 : 0) + Registers;

    /// <summary>How many of the tokens before the patches have positions.</summary>
    public int PrefixPositions => Positions switch
    {
        VitPositions.All => Prefix,
        VitPositions.ClassAndPatches => ClassToken ? 1 : 0,
        _ => 0,
    };

    /// <summary>The norms of this stack.</summary>
    public NormFactory Norm => RootMeanSquare ? RmsNorm.With(Eps) : LayerNorm.With(Eps);

    /// <summary>Adds what the reader of any family must find wrong: heads that do not divide the width, a picture without a patch.</summary>
    public void Check(ConfigReader json)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.Require(HeadWidth is not null || Width % Heads == 0, $"{Heads} attention heads do not divide the width {Width}")
            .Require(Rows > 0 && Columns > 0, $"the picture that the positions belong to holds no patch of {Patch} pixels")
            .Require(!PostNorm || (Hidden > 0 && !LayerScale), "blocks that normalise what they wrote are built with MLPs and without layer scales")
            .Require(Hidden > 0 || !Gated, "the gated MLP has no hidden width")
            .Require(Relative == RelativePositions.None || (ClassToken && Prefix == 1), "relative positions need a class token and no other token before the patches")
            .Require(Rotary is null || (HeadWidth ?? Width / Heads) % 4 == 0, "rotations over rows and columns need a head width that 4 divides");
    }
}
