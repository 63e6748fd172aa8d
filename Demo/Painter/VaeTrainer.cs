using Prisma.Core;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Prisma.Demo;

/// <summary>Trains the painter's autoencoder on pieces of pictures drawn as it goes: what it sees of a picture is small, so pieces are enough.</summary>
internal sealed class VaeTrainer(TrainablePainter painter)
{
    private const int Piece = 48, Measured = 200;
    private const double SquareWeight = 1, SpreadWeight = 1e-4;

    /// <summary>All steps; the "right answers" that are reported are the share of pixels' variance that is made again.</summary>
    public void Run(IProgress<TrainingProgress> progress, CancellationToken stop)
    {
        using var trainer = new ShardedTrainer([], painter.Vae.Weights.Select(named => (Parameter)named.Weight.Value), painter.Options.VaeRecipe, Loss);
        trainer.Run(progress, stop);
    }

    /// <summary>What latents must be multiplied by to have unit variance.</summary>
    public double Scaling()
    {
        using var scope = NewDisposeScope();
        using Tensor latents = painter.Encode(CaptionedPicture.Draw(SceneSplit.Training, 0, Measured));
        return 1 / latents.std().item<float>();
    }

    private (Tensor Loss, double Right) Loss(long first, int count)
    {
        using var scope = NewDisposeScope();
        Tensor pixels = Pieces(first, count);
        using Recording encoded = painter.Vae.Run(new ModelInput { ["sample"] = pixels }, HookPlan.Empty.ForTraining());
        Tensor mean = encoded.Outputs["latent_mean"], spread = encoded.Outputs["latent_logvar"];
        Tensor latents = mean + (0.5 * spread).exp() * mean.randn_like();
        using Recording decoded = painter.Vae.Run(new ModelInput { ["latents"] = latents }, HookPlan.Empty.ForTraining());
        Tensor error = decoded.Outputs["sample"] - pixels, square = error.pow(2).mean();
        Tensor divergence = 0.5 * (mean.pow(2) + spread.exp() - 1 - spread).mean();
        Tensor loss = error.abs().mean() + square * SquareWeight + divergence * SpreadWeight;
        double right = 1 - square.item<float>() / pixels.var().item<float>();
        return (loss.MoveToOuterDisposeScope(), right);
    }

    // Around the object, shifted by what the seed says.
    private static Tensor Pieces(long first, int count)
    {
        IReadOnlyList<CaptionedPicture> pictures = CaptionedPicture.Draw(SceneSplit.Training, first, count);
        Tensor whole = tensor(CaptionedPicture.Pixels(pictures), [count, 3, CaptionedPicture.Side, CaptionedPicture.Side]);
        const int room = CaptionedPicture.Side - Piece;
        return stack([.. pictures.Select((picture, i) =>
        {
            var random = new SceneRandom(picture.Seed);
            return whole[i].narrow(1, random.NextBelow(room + 1), Piece).narrow(2, random.NextBelow(room + 1), Piece);
        })]);
    }
}
