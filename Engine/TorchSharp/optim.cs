using TorchSharp.Modules;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class optim
        {
            public static Adam Adam(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
                double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);

            public static AdamW AdamW(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
                double weight_decay = 0, bool amsgrad = false, bool maximize = false) =>
                new(parameters, lr, beta1, beta2, eps, weight_decay, amsgrad, maximize);

            public static SGD SGD(IEnumerable<Parameter> parameters, double learningRate, double momentum = 0, double dampening = 0,
                double weight_decay = 0, bool nesterov = false, bool maximize = false) =>
                new(parameters, learningRate, momentum, dampening, weight_decay, nesterov, maximize);

            public abstract class Optimizer : IDisposable
            {
                public virtual IEnumerable<ILearningRateController> ParamGroups => throw new NotSupportedException();

                public virtual void zero_grad() => throw new NotSupportedException();

                public virtual Tensor step(Func<Tensor>? closure = null) => throw new NotSupportedException();

                public void Dispose()
                {
                    Dispose(true);
                    GC.SuppressFinalize(this);
                }

                protected virtual void Dispose(bool disposing) { }
            }

            public interface ILearningRateController
            {
                double LearningRate { get; set; }

                double InitialLearningRate { get; set; }
            }
        }
    }
}

namespace TorchSharp.Modules
{
    using static torch;

    /// <summary>One group of parameters under one learning rate; state tensors live as long as the optimizer.</summary>
    public abstract class OptimizerHelper : optim.Optimizer
    {
        private readonly Group _group;

        private protected OptimizerHelper(IEnumerable<Parameter> parameters, double lr)
        {
            Trained = [.. parameters];
            _group = new Group { LearningRate = lr, InitialLearningRate = lr };
        }

        public override IEnumerable<optim.ILearningRateController> ParamGroups => [_group];

        private protected Parameter[] Trained { get; }

        private protected double LearningRate => _group.LearningRate;

        public override void zero_grad()
        {
            foreach (var parameter in Trained)
                if (NativeGradient(parameter) is { } gradient)
                    using (gradient) gradient.zero_();
        }

        public override Tensor step(Func<Tensor>? closure = null)
        {
            var loss = closure?.Invoke();
            using var frozen = no_grad();
            for (var k = 0; k < Trained.Length; k++)
            {
                using var scope = NewDisposeScope();
                if (Trained[k].grad is { } gradient) Update(k, Trained[k], gradient);
            }
            return loss!;
        }

        private protected abstract void Update(int index, Parameter parameter, Tensor gradient);

        private static Tensor? NativeGradient(Parameter parameter) => parameter.grad?.DetachFromDisposeScope();

        private sealed class Group : optim.ILearningRateController
        {
            public double LearningRate { get; set; }

            public double InitialLearningRate { get; set; }
        }
    }

    /// <summary>The running moments of Adam and AdamW, which differ only in where the weight decay goes.</summary>
    internal sealed class Moments(int parameters, double beta1, double beta2, double eps) : IDisposable
    {
        private readonly Tensor?[] _mean = new Tensor?[parameters], _square = new Tensor?[parameters];
        private readonly int[] _steps = new int[parameters];

        public void Step(int index, Parameter parameter, Tensor gradient, double lr)
        {
            var mean = _mean[index] ??= parameter.zeros_like().DetachFromDisposeScope();
            var square = _square[index] ??= parameter.zeros_like().DetachFromDisposeScope();
            var step = ++_steps[index];
            mean.mul_(beta1).add_(gradient, 1 - beta1);
            square.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
            var denominator = square.sqrt().div_(Math.Sqrt(1 - Math.Pow(beta2, step))).add_(eps);
            parameter.addcdiv_(mean, denominator, -lr / (1 - Math.Pow(beta1, step)));
        }

        public void Dispose()
        {
            foreach (var tensor in _mean.Concat(_square)) tensor?.Dispose();
        }
    }

    public class Adam : OptimizerHelper
    {
        private readonly Moments _moments;
        private readonly double _decay;

        public Adam(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
            double weight_decay = 0, bool amsgrad = false, bool maximize = false) : base(parameters, lr)
        {
            if (amsgrad || maximize) throw new NotSupportedException("amsgrad and maximize are not bound.");
            (_moments, _decay) = (new Moments(Trained.Length, beta1, beta2, eps), weight_decay);
        }

        private protected override void Update(int index, Parameter parameter, Tensor gradient) =>
            _moments.Step(index, parameter, _decay == 0 ? gradient : gradient.add(parameter, _decay), LearningRate);

        protected override void Dispose(bool disposing)
        {
            _moments.Dispose();
            base.Dispose(disposing);
        }
    }

    public class AdamW : OptimizerHelper
    {
        private readonly Moments _moments;
        private readonly double _decay;

        public AdamW(IEnumerable<Parameter> parameters, double lr = 1e-3, double beta1 = 0.9, double beta2 = 0.999, double eps = 1e-8,
            double weight_decay = 0, bool amsgrad = false, bool maximize = false) : base(parameters, lr)
        {
            if (amsgrad || maximize) throw new NotSupportedException("amsgrad and maximize are not bound.");
            (_moments, _decay) = (new Moments(Trained.Length, beta1, beta2, eps), weight_decay);
        }

        private protected override void Update(int index, Parameter parameter, Tensor gradient)
        {
            if (_decay != 0) parameter.mul_(1 - LearningRate * _decay);
            _moments.Step(index, parameter, gradient, LearningRate);
        }

        protected override void Dispose(bool disposing)
        {
            _moments.Dispose();
            base.Dispose(disposing);
        }
    }

    public class SGD : OptimizerHelper
    {
        private readonly double _momentum, _dampening, _decay;
        private readonly bool _nesterov;
        private readonly Tensor?[] _velocity;

        public SGD(IEnumerable<Parameter> parameters, double lr, double momentum = 0.0, double dampening = 0, double weight_decay = 0,
            bool nesterov = false, bool maximize = false) : base(parameters, lr)
        {
            if (maximize) throw new NotSupportedException("maximize is not bound.");
            (_momentum, _dampening, _decay, _nesterov) = (momentum, dampening, weight_decay, nesterov);
            _velocity = new Tensor?[Trained.Length];
        }

        private protected override void Update(int index, Parameter parameter, Tensor gradient)
        {
            if (_decay != 0) gradient = gradient.add(parameter, _decay);
            if (_momentum != 0)
            {
                if (_velocity[index] is { } velocity)
                    velocity.mul_(_momentum).add_(gradient, 1 - _dampening);
                else
                    _velocity[index] = gradient.clone().DetachFromDisposeScope();
                gradient = _nesterov ? gradient.add(_velocity[index]!, _momentum) : _velocity[index]!;
            }
            parameter.add_(gradient, -LearningRate);
        }

        protected override void Dispose(bool disposing)
        {
            foreach (var tensor in _velocity) tensor?.Dispose();
            base.Dispose(disposing);
        }
    }
}
