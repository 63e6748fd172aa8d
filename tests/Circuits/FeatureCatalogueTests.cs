using Microsoft.Data.Sqlite;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using Prisma.Tests.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>The catalogue of what features fire on: against a full sort, in its file, and after a stop.</summary>
public sealed class FeatureCatalogueTests : IDisposable
{
    private const int Pictures = 23;
    private readonly HookedModel _model = Tiny.Vit();
    private readonly StandardCoder _coder = Toy.Random(16, 20, Toy.Card("standard") with { Reads = [Site.ResidPost[0]], Writes = [Site.ResidPost[0]] });
    private readonly Tensor _pixels = Tiny.Pictures(Pictures);
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _model.Dispose();
        _coder.Dispose();
        _pixels.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Examples_are_those_of_a_full_sort()
    {
        using var scope = NewDisposeScope();
        var catalogue = Gathered(batch: Pictures, examples: 4);
        using var reading = FeatureReading.Read(_model, _pixels, _coder);
        var dense = reading.Codes.ToDense().view(Pictures, 17, 20);
        Assert.Equal(Pictures * 17, catalogue.Rows);
        for (var feature = 0; feature < 20; feature++)
        {
            var own = dense.select(2, feature);
            var highest = own.amax([1L]).data<float>().ToArray();
            var tally = catalogue.Features[feature];
            int[] best = [.. Enumerable.Range(0, Pictures).Where(k => highest[k] > 0).OrderByDescending(k => highest[k]).ThenBy(k => k).Take(4)];
            Assert.Equal(best, tally.Examples.Select(example => example.Picture));
            var values = own.masked_select(own.gt(0)).to(float64);
            Assert.Equal((values.numel(), highest.Count(value => value > 0)), (tally.Fires, (int)tally.Pictures));
            if (values.numel() == 0) continue;
            Assert.Equal(values.mean().item<double>(), tally.Mean, 1e-6);
            Assert.Equal(values.std(unbiased: false).item<double>(), tally.Deviation, 1e-5);
            Assert.Equal(highest.Max(), tally.Highest);
            var top = tally.Examples[0];
            Assert.Equal(own[top.Picture].data<float>().ToArray(), top.Activations);
            Assert.Equal(top.Highest, top.Activations[top.Peak]);
            Assert.Equal(top.Activations.Count(value => value > 0), top.Tokens);
            Assert.Equal(own[top.Picture].narrow(0, 1, 16).data<float>().ToArray(), catalogue.Map(top).Values.ToArray());
            Assert.Equal(own.square().sum().item<float>() / (double)catalogue.Rows * Math.Pow(_coder.Directions[feature].norm().item<float>(), 2), catalogue.Energy(feature), 1e-3);
        }
    }

    [Fact]
    public void Batches_do_not_matter()
    {
        var (one, other) = (Gathered(batch: 5, examples: 4), Gathered(batch: 23, examples: 4));
        for (var feature = 0; feature < 20; feature++)
            Assert.Equal(one.Features[feature].Examples.Select(example => example.Picture), other.Features[feature].Examples.Select(example => example.Picture));
        Assert.Equal(one.Interesting(5, 1), other.Interesting(5, 1));
    }

    [Fact]
    public void Quantiles_come_out_within_three_percent()
    {
        using var generator = new Generator(4);
        using var draw = rand(5000, generator: generator);
        float[] values = [.. draw.data<float>().Select(value => MathF.Exp(6 * value - 3))];
        var histogram = new ActivationHistogram();
        foreach (var value in values) histogram.Add(value);
        Array.Sort(values);
        foreach (var share in new[] { .01, .1, .5, .9, .99 })
            Assert.Equal(1, histogram.Quantile(share) / values[(int)(share * 5000) - 1], 0.033);
        Assert.True(double.IsNaN(new ActivationHistogram().Quantile(.5)));
    }

    [Fact]
    public void The_file_gives_back_what_was_put_in()
    {
        var catalogue = Gathered(batch: 5, examples: 4);
        var path = _folder["features.sqlite"];
        FeatureStore.Save(path, catalogue, new Dictionary<string, string> { ["model"] = "tiny" });
        var (read, meta) = FeatureStore.Load(path);
        Assert.Equal("tiny", meta["model"]);
        Same(catalogue, read);
        Assert.Equal(["features.sqlite"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName));
        Assert.Throws<PrismaException>(() => FeatureStore.Save(path, catalogue, meta));
        FeatureStore.Save(path, catalogue, meta, ExistingFile.Replace);
        // As an outside program would ask.
        using var connection = new SqliteConnection($"Data Source={path};Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT p.path FROM examples e JOIN pictures p ON p.id = e.picture WHERE e.feature = 3 AND e.rank = 1";
        Assert.Equal(catalogue.Features[3].Examples.Count > 0 ? catalogue.Pictures[catalogue.Features[3].Examples[0].Picture] : null, command.ExecuteScalar());
        command.CommandText = "SELECT density FROM features WHERE id = 3";
        Assert.Equal(catalogue.Density(3), (double)command.ExecuteScalar()!, 1e-12);
    }

    [Fact]
    public void Other_files_are_refused_by_name()
    {
        Assert.Contains("none.sqlite", Assert.Throws<CheckpointException>(() => FeatureStore.Load(_folder["none.sqlite"])).Message, StringComparison.Ordinal);
        var damaged = _folder.Put("damaged.sqlite", [1, 2, 3, 4, 5, 6, 7, 8]);
        Assert.Contains("damaged.sqlite", Assert.Throws<CheckpointException>(() => FeatureStore.Load(damaged)).Message, StringComparison.Ordinal);
        FeatureStore.Save(_folder["full.sqlite"], Gathered(batch: 5, examples: 4), new Dictionary<string, string>());
        var whole = File.ReadAllBytes(_folder["full.sqlite"]);
        Assert.Throws<CheckpointException>(() => FeatureStore.Load(_folder.Put("half.sqlite", whole[..(whole.Length / 2)])));
    }

    [Fact]
    public void A_stopped_run_goes_on_and_ends_in_the_same_catalogue()
    {
        var (files, preprocess) = Files();
        var meta = new Dictionary<string, string> { ["model"] = "tiny" };
        var options = new CatalogueOptions { Examples = 3, Batch = 4, SaveEvery = 8 };
        var whole = FeatureCatalogueBuilder.Build(_folder["whole.sqlite"], _model, _coder, new PictureInputs(files, preprocess), meta, options);
        using var stop = new CancellationTokenSource();
        var seen = new List<int>();
        Assert.Throws<OperationCanceledException>(() => FeatureCatalogueBuilder.Build(_folder["cut.sqlite"], _model, _coder, new PictureInputs(files, preprocess), meta, options,
            progress: new Told(done => { if (done >= 12) stop.Cancel(); }), stop: stop.Token));
        Assert.False(File.Exists(_folder["cut.sqlite"]));
        Assert.True(File.Exists(_folder["cut.sqlite.partial"]));
        // Another run's leavings are not taken up.
        Assert.Throws<OptionsException>(() => FeatureCatalogueBuilder.Build(_folder["cut.sqlite"], _model, _coder, new PictureInputs(files, preprocess), meta, options with { Examples = 4 }));
        var resumed = FeatureCatalogueBuilder.Build(_folder["cut.sqlite"], _model, _coder, new PictureInputs(files, preprocess), meta, options, progress: new Told(seen.Add));
        Assert.Equal(8, seen[0]);
        Assert.False(File.Exists(_folder["cut.sqlite.partial"]));
        Same(whole, resumed);
        Same(whole, FeatureStore.Load(_folder["cut.sqlite"]).Catalogue);
        Assert.Throws<PrismaException>(() => FeatureCatalogueBuilder.Build(_folder["cut.sqlite"], _model, _coder, new PictureInputs(files, preprocess), meta, options));
    }

    [Fact]
    public void The_page_shows_the_features_and_loads_nothing_from_elsewhere()
    {
        var (files, preprocess) = Files();
        var catalogue = FeatureCatalogueBuilder.Build(_folder["page.sqlite"], _model, _coder, new PictureInputs(files, preprocess), new Dictionary<string, string>(), new CatalogueOptions { Examples = 3 });
        var features = catalogue.Interesting(2, densest: 1);
        Assert.Equal(2, features.Count);
        var html = CataloguePage.Draw("Features <of> tiny", catalogue, features, name => (RgbImage.Load(name), preprocess.Apply(RgbImage.Load(name)).Geometry)).ToString();
        foreach (var feature in features) Assert.Contains($"<h2>Feature {feature}</h2>", html, StringComparison.Ordinal);
        Assert.Contains("Features &lt;of&gt; tiny", html, StringComparison.Ordinal);
        Assert.DoesNotContain("src=\"http", html, StringComparison.Ordinal);
        Assert.Equal(2, html.Split("data:image/png").Length - 1);
    }

    [Fact]
    public void Pictures_of_another_coder_are_refused()
    {
        using var other = Toy.Random(16, 21, _coder.Card);
        using var reading = FeatureReading.Read(_model, _pixels, other);
        Assert.Throws<ShapeException>(() => new FeatureCatalogue(20).Add(reading, new string[Pictures]));
        Assert.Throws<OptionsException>(() => new FeatureCatalogue(20, examples: 0));
    }

    private FeatureCatalogue Gathered(int batch, int examples)
    {
        using var scope = NewDisposeScope();
        var catalogue = new FeatureCatalogue(20, examples, [.. _coder.Directions.norm(1).data<float>()]);
        var first = 0;
        foreach (var part in _pixels.split(batch))
        {
            using var reading = FeatureReading.Read(_model, part, _coder);
            catalogue.Add(reading, [.. Enumerable.Range(first, reading.Pictures).Select(k => $"picture {k}")]);
            first += reading.Pictures;
        }
        return catalogue;
    }

    private (IReadOnlyList<string> Files, Preprocess Preprocess) Files()
    {
        var random = new Random(7);
        Directory.CreateDirectory(_folder["pictures"]);
        for (var k = 0; k < 20; k++)
        {
            var pixels = new byte[3 * 16 * 16];
            random.NextBytes(pixels);
            new RgbImage(16, 16, pixels).Save(_folder[$"pictures/{k:d2}.png"], ExistingFile.Replace);
        }
        File.WriteAllText(_folder["preprocessor_config.json"], """
            {"image_processor_type":"ViTImageProcessor","do_resize":true,"size":{"height":16,"width":16},"resample":2,"do_rescale":true,"rescale_factor":0.00392156862745098,
             "do_normalize":true,"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5]}
            """);
        return (PictureFiles.Find([_folder["pictures"]]), Preprocess.Load(_folder.Path));
    }

    private static void Same(FeatureCatalogue one, FeatureCatalogue other)
    {
        Assert.Equal((one.Rows, one.Examples, one.Layout, one.FirstToken), (other.Rows, other.Examples, other.Layout, other.FirstToken));
        Assert.Equal(one.Pictures, other.Pictures);
        foreach (var (a, b) in one.Features.Zip(other.Features))
        {
            Assert.Equal((a.Fires, a.Pictures, a.Sum, a.Squares, a.Highest), (b.Fires, b.Pictures, b.Sum, b.Squares, b.Highest));
            Assert.Equal(a.Histogram.Bins, b.Histogram.Bins);
            foreach (var (x, y) in a.Examples.Zip(b.Examples))
            {
                Assert.Equal(x with { Activations = [] }, y with { Activations = [] });
                Assert.Equal(x.Activations, y.Activations);
            }
            Assert.Equal(a.Examples.Count, b.Examples.Count);
        }
    }

    private sealed class Told(Action<int> tell) : IProgress<int>
    {
        public void Report(int value) => tell(value);
    }
}
