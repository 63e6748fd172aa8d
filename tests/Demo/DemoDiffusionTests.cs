using Prisma.Core;
using Prisma.Demo;
using Prisma.Diffusion;
using Prisma.Sae;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Tests;

public sealed class DemoDiffusionTests
{
    private static readonly DemoPainterOptions _small = new()
    {
        Channels = [8, 8, 8],
        VaeChannels = [8, 8, 8],
        TextWidths = [16, 16],
        VaeSteps = 2,
        Steps = 2,
        BatchSize = 2,
        Pictures = 4,
    };

    [Fact]
    public void Every_word_of_a_caption_is_one_token()
    {
        using var folder = new TempFolder();
        new PainterFiles(_small).WriteTokenizer(folder.Path);
        ITokenizer tokenizer = Tokenizers.Open(folder.Path);
        foreach (CaptionedPicture picture in CaptionedPicture.Draw(SceneSplit.HeldOut, 0, 300))
        {
            string[] words = picture.Caption.Split(' ');
            int[] ids = tokenizer.Encode(picture.Caption);
            Assert.Equal(words, ids.Skip(1).SkipLast(1).Select(id => tokenizer.Decode([id]).Trim()));
            Assert.True(ids.Length <= CaptionVocabulary.Context);
        }
    }

    [Fact]
    public void A_caption_says_what_the_picture_shows()
    {
        CaptionedPicture picture = new(ShapeKind.Star, ColourKind.Orange, PlaceKind.Right, GroundKind.Dark, 7);
        Assert.Equal("an orange star at the right on a dark ground", picture.Caption);
        Assert.Equal("a blue star in the centre on a dark ground", picture.With(PictureTrait.Colour, (int)ColourKind.Blue).With(PictureTrait.Place, (int)PlaceKind.Centre).Caption);
        float[] pixels = CaptionedPicture.Pixels([picture]);
        const int side = CaptionedPicture.Side;
        int at = side / 2 * side + 2 * side / 3;
        Assert.True(pixels[at] > 0.7 && pixels[2 * side * side + at] < -0.3);
        Assert.True(pixels[0] < -0.5);
    }

    [Fact]
    public void Training_asks_at_the_times_at_which_painting_asks()
    {
        using var folder = new TempFolder();
        File.WriteAllText(Path.Combine(folder.Path, "scheduler_config.json"), PainterFiles.Scheduler.ToJsonString());
        Schedule schedule = Scheduler.Open(folder.Path).Start(4);
        Assert.Equal(schedule.Timesteps.Select(time => (long)time), NoiseCourse.Asked(4));
        // The sampler scales a latent of noise σ by 1/√(1 + σ²): what is left of the clean one must be the training's.
        var (clean, noise) = NoiseCourse.At(NoiseCourse.Asked(4)[0]);
        Assert.Equal(schedule.StartSigma, noise / clean, 1e-3 * schedule.StartSigma);
    }

    [Fact]
    public void A_saved_painter_paints_and_goes_on_learning_from_where_it_was()
    {
        using var folder = new TempFolder();
        var silent = new Progress<TrainingProgress>();
        using (TrainedPainter trained = DemoPainter.Train(_small, silent, silent)) trained.Save(folder.Path);
        using TextToImage painter = TextToImage.Open(folder.Path);
        using (Generation made = painter.Generate(new Prisma.Diffusion.GenerateOptions { Prompts = [.. CaptionedPicture.Draw(SceneSplit.HeldOut, 0, 2).Select(picture => picture.Caption)], Steps = 2 }))
            Assert.Equal([(CaptionedPicture.Side, CaptionedPicture.Side), (CaptionedPicture.Side, CaptionedPicture.Side)], made.Pictures.Select(picture => (picture.Width, picture.Height)));
        Assert.All(PainterSaes.Sites, site => Assert.NotNull(painter.Unet.Find(site.ToString())));

        using var start = new TrainablePainter(_small);
        double scaling = start.TakeOver(folder.Path);
        Assert.Equal(painter.Vae.Config.Scaling, scaling);
        using var scope = NewDisposeScope();
        foreach (var (name, weight) in painter.Unet.Weights)
            Assert.Equal(weight.Value.data<float>().ToArray(), start.Unet.Weights.Single(own => own.Name == name).Weight.Value.data<float>().ToArray());
    }

    [Fact]
    public void The_committed_painter_paints_what_captions_say_and_features_change_it()
    {
        using var demo = new DemoDiffusionReport(new Progress<string>());
        using var folder = new TempFolder();
        DemoDiffusionResult made = demo.Write(folder.Path, prompts: 20);
        Assert.All(made.Files, file => Assert.True(File.Exists(file)));
        Assert.Equal([PictureTrait.Colour, PictureTrait.Shape], made.Scores.Select(score => score.Trait));
        Assert.All(made.Scores, score =>
        {
            Assert.All(PictureTraits.All, trait => Assert.True(score.Painted(trait) >= 0.9, $"{trait}: {score.Painted(trait)}"));
            Assert.True(score.Reached >= 0.7 && score.Kept >= 0.75, $"{score.Trait}: {score.Reached} {score.Kept}");
            Assert.True(score.RandomReached <= 0.3, $"{score.Trait}: {score.RandomReached}");
        });
    }
}
